//! Compiling, into memory of the library or of the caller.

use std::sync::Arc;

use netpolicy::CompileReport;
use netpolicy::model::{IsolationScope, Options, OwnNode};

use crate::boundary::{guard, optional, output, reference, slice_mut};
use crate::cluster::netpolicy_cluster;
use crate::error::{Failure, netpolicy_result};
use crate::image::netpolicy_image;

/// A pod that a NetworkPolicy selects in one direction is final in both.
pub const NETPOLICY_OPTION_ISOLATE_BOTH_DIRECTIONS: u32 = 1;
/// Ingress from the pod's own node is evaluated like any other.
pub const NETPOLICY_OPTION_EVALUATE_OWN_NODE_INGRESS: u32 = 2;
/// Egress to the pod's own node is always allowed in the NetworkPolicy tier.
pub const NETPOLICY_OPTION_ALLOW_OWN_NODE_EGRESS: u32 = 4;
/// `ipBlock` does not match the addresses of pods.
pub const NETPOLICY_OPTION_IP_BLOCK_SPARES_PODS: u32 = 8;

/// The choices that the APIs leave open. Zeroed memory is the default.
#[repr(C)]
pub struct netpolicy_options {
    /// The sum of `NETPOLICY_OPTION`s.
    pub flags: u32,
    /// How many bytes the decision tables may take; 0 is the default, 64 MiB. What does not
    /// fit is interpreted from the rules: slower, never wrong.
    pub table_budget: usize,
}

/// What compiling came to.
#[repr(C)]
pub struct netpolicy_compile_report {
    /// The length of the image in bytes.
    pub image_bytes: usize,
    /// The most working memory in use at once, in bytes.
    pub working_bytes: usize,
    /// The pods in force.
    pub pods: u32,
    /// The policies of all kinds.
    pub policies: u32,
    /// The namespaces, those that are only named among them.
    pub namespaces: u32,
    /// The classes of addresses that the policies can tell apart.
    pub classes: u32,
    /// The ways in which a direction of some pods is decided.
    pub gates: u32,
    /// Those of them that did not fit the budget, and are interpreted from their rules.
    pub interpreted_gates: u32,
}

impl netpolicy_compile_report {
    fn new(report: &CompileReport) -> netpolicy_compile_report {
        netpolicy_compile_report {
            image_bytes: report.image_bytes,
            working_bytes: report.working_bytes,
            pods: report.pods,
            policies: report.policies,
            namespaces: report.namespaces,
            classes: report.classes,
            gates: report.gates,
            interpreted_gates: report.interpreted_gates,
        }
    }
}

/// # Safety
/// `pointer` is NULL or points to options.
unsafe fn options(pointer: *const netpolicy_options) -> Result<Options, Failure> {
    const KNOWN: u32 = NETPOLICY_OPTION_ISOLATE_BOTH_DIRECTIONS
        | NETPOLICY_OPTION_EVALUATE_OWN_NODE_INGRESS
        | NETPOLICY_OPTION_ALLOW_OWN_NODE_EGRESS
        | NETPOLICY_OPTION_IP_BLOCK_SPARES_PODS;
    // SAFETY: as this function's.
    let Some(given) = (unsafe { optional(pointer, "options") })? else {
        return Ok(Options::default());
    };
    if given.flags & !KNOWN != 0 {
        let failure = Failure::no_such("sum of NETPOLICY_OPTIONs", given.flags);
        return Err(failure.at("options.flags"));
    }
    let has = |flag| given.flags & flag != 0;
    let mut options = Options::default();
    if has(NETPOLICY_OPTION_ISOLATE_BOTH_DIRECTIONS) {
        options.isolation = IsolationScope::EitherDirection;
    }
    if has(NETPOLICY_OPTION_EVALUATE_OWN_NODE_INGRESS) {
        options.own_node_ingress = OwnNode::Evaluated;
    }
    if has(NETPOLICY_OPTION_ALLOW_OWN_NODE_EGRESS) {
        options.own_node_egress = OwnNode::Allowed;
    }
    options.ip_block_selects_pods = !has(NETPOLICY_OPTION_IP_BLOCK_SPARES_PODS);
    if given.table_budget != 0 {
        options.table_budget = given.table_budget;
    }
    Ok(options)
}

/// Compiles a cluster into an image in memory of the library. Free it with
/// `netpolicy_image_free`. `options` may be NULL for the default, `report` if it is not
/// wanted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_compile(
    cluster: *const netpolicy_cluster,
    options: *const netpolicy_options,
    image: *mut *const netpolicy_image,
    report: *mut netpolicy_compile_report,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster, or NULL.
        let cluster = unsafe { reference(cluster, "cluster") }?;
        // SAFETY: by the conventions options, or NULL.
        let options = unsafe { self::options(options) }?;
        // SAFETY: by the conventions room for a pointer, or NULL.
        let image = unsafe { output(image, "image") }?;
        let report = match report.is_null() {
            true => None,
            // SAFETY: by the conventions room for a report.
            false => Some(unsafe { output(report, "report") }?),
        };
        let (compiled, found) = cluster.objects.compile(&options)?;
        let compiled = netpolicy_image::owning(compiled.into_bytes())?;
        if let Some(report) = report {
            report.write(netpolicy_compile_report::new(&found));
        }
        image.write(Arc::into_raw(compiled));
        Ok(())
    })
}

/// Compiles a cluster into `out`, memory of the caller, to be saved, sent, or opened with
/// `netpolicy_image_open`. `working` is memory that the compiler may use meanwhile; with NULL
/// and 0 it uses its own. Nothing is allocated for compiling if it is given. The two must not
/// overlap.
///
/// `NETPOLICY_RESULT_WORKING_MEMORY_TOO_SMALL` and `NETPOLICY_RESULT_OUTPUT_TOO_SMALL` leave `out`
/// untouched, and `netpolicy_last_error_needed` says how much would do. About 400 bytes a pod
/// and some KiB a policy are needed to work with. `options` may be NULL for the default.
/// `image_bytes` of `report` is how many bytes of `out` the image takes; `report` may be NULL
/// where that is not wanted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn netpolicy_cluster_compile_into(
    cluster: *const netpolicy_cluster,
    options: *const netpolicy_options,
    working: *mut u8,
    working_len: usize,
    out: *mut u8,
    out_len: usize,
    report: *mut netpolicy_compile_report,
) -> netpolicy_result {
    guard(|| {
        // SAFETY: by the conventions a cluster, or NULL.
        let cluster = unsafe { reference(cluster, "cluster") }?;
        // SAFETY: by the conventions options, or NULL.
        let options = unsafe { self::options(options) }?;
        // SAFETY: by the conventions memory that is nobody else's, or NULL.
        let working = unsafe { slice_mut(working, working_len, "working") }?;
        // SAFETY: by the conventions memory that is nobody else's, or NULL.
        let out = unsafe { slice_mut(out, out_len, "out") }?;
        let report = match report.is_null() {
            true => None,
            // SAFETY: by the conventions room for a report.
            false => Some(unsafe { output(report, "report") }?),
        };
        let found = if working.is_empty() {
            let (compiled, found) = cluster.objects.compile(&options)?;
            let (needed, available) = (compiled.as_bytes().len(), out.len());
            let Some(place) = out.get_mut(..needed) else {
                let error = netpolicy::CompileError::OutputTooSmall { needed, available };
                return Err(error.into());
            };
            place.copy_from_slice(compiled.as_bytes());
            found
        } else {
            let compiled = cluster.objects.compile_in(working, &options)?;
            compiled.write(out)?;
            *compiled.report()
        };
        if let Some(report) = report {
            report.write(netpolicy_compile_report::new(&found));
        }
        Ok(())
    })
}
