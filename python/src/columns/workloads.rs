//! Who the addresses are, as columns.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::builder::StringBuilder;
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use netpolicy::{Image, PodRef};
use pyo3::PyResult;

use super::output::arrow_error;
use crate::table::Table;

/// The names of the columns.
pub(super) const COLUMNS: [&str; 2] = ["source_workload", "destination_workload"];

/// The workloads of an image.
pub(super) struct Workloads {
    /// For each pod of the image, the key of its name.
    of_pod: Vec<i32>,
    names: Arc<StringArray>,
}

/// `namespace/name` of what runs a pod, or of itself.
fn workload(pod: &PodRef<'_>) -> String {
    let name = pod.workload().map_or(pod.name(), |(_, name)| name);
    format!("{}/{name}", pod.namespace())
}

impl Workloads {
    pub(super) fn new(image: &Image<'_>) -> Workloads {
        let mut keys: AHashMap<String, i32> = AHashMap::new();
        let mut names = StringBuilder::new();
        let of_pod = image.pods().map(|pod| {
            let next = keys.len() as i32;
            *keys.entry(workload(&pod)).or_insert_with_key(|name| {
                names.append_value(name);
                next
            })
        });
        Workloads {
            of_pod: of_pod.collect(),
            names: Arc::new(names.finish()),
        }
    }

    /// The workload at an address; none if it is no pod's.
    pub(super) fn key(&self, image: &Image<'_>, address: IpAddr) -> Option<i32> {
        let pod = image.pod_at(address)?;
        self.of_pod.get(pod.index()).copied()
    }

    pub(super) fn column(&self, keys: &[Option<i32>]) -> Result<ArrayRef, ArrowError> {
        let keys: Int32Array = keys.iter().copied().collect();
        let array = DictionaryArray::<Int32Type>::try_new(keys, self.names.clone())?;
        Ok(Arc::new(array))
    }
}

/// The pods of an image, a row for each address.
pub(crate) fn pods(image: &Image<'_>) -> PyResult<Table> {
    const COLUMNS: [&str; 5] = ["namespace", "name", "address", "workload_kind", "workload"];
    let mut columns: [StringBuilder; 5] = Default::default();
    for pod in image.pods() {
        let mut addresses: Vec<_> = pod
            .addresses()
            .map(|address| Some(address.to_string()))
            .collect();
        if addresses.is_empty() {
            addresses.push(None);
        }
        let (kind, name) = pod.workload().unzip();
        for address in &addresses {
            let row = [
                Some(pod.namespace()),
                Some(pod.name()),
                address.as_deref(),
                kind,
                name,
            ];
            for (column, cell) in columns.iter_mut().zip(row) {
                column.append_option(cell);
            }
        }
    }
    let columns = columns
        .iter_mut()
        .map(|column| Arc::new(column.finish()) as ArrayRef);
    let batch = RecordBatch::try_from_iter_with_nullable(
        COLUMNS
            .into_iter()
            .zip(columns)
            .map(|(name, column)| (name, column, true)),
    );
    batch.map(Table::of).map_err(arrow_error)
}
