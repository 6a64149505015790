//! Asking about a workload: about its pods, as far as policies tell them apart.

use alloc::vec::Vec;

use super::PodRef;
use crate::Family;
use crate::image::Image;

impl<'i> Image<'i> {
    /// The pods of the workload of that name: one for each class and set of families
    /// of address, since others could not get another answer. Workloads of several
    /// kinds may share a name; these are the pods of all. None if there is no such
    /// workload.
    ///
    /// ```
    /// use netpolicy::manifest::Loader;
    /// use netpolicy::model::Options;
    ///
    /// let mut loader = Loader::default();
    /// for pod in ["a", "b"] {
    ///     loader.read_text("web.yaml", &format!("
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web-{pod}
    ///   ownerReferences: [{{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: u, controller: true}}]
    /// spec: {{containers: []}}
    /// "));
    /// }
    /// let (image, _) = loader.finish().cluster.compile(&Options::default())?;
    /// let image = image.image();
    /// assert_eq!(image.pods().len(), 2);
    /// assert_eq!(image.pods_of_workload("default", "web").len(), 1);
    /// assert!(image.pods_of_workload("default", "db").is_empty());
    /// # Ok::<(), netpolicy::CompileError>(())
    /// ```
    #[must_use]
    pub fn pods_of_workload(&'i self, namespace: &str, name: &str) -> Vec<PodRef<'i>> {
        let mut kinds = Vec::new();
        let mut pods = Vec::new();
        let is_of_workload = |pod: &PodRef<'_>| {
            pod.namespace() == namespace
                && pod.workload().is_some_and(|(_, workload)| workload == name)
        };
        for pod in self.pods().filter(is_of_workload) {
            let families: Vec<_> = pod.addresses().map(Family::of).collect();
            let kind = (pod.class(), families);
            if !kinds.contains(&kind) {
                kinds.push(kind);
                pods.push(pod);
            }
        }
        pods
    }
}
