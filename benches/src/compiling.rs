//! The figures of compiling a world: time, memory, size.

use std::fs;

use anyhow::{Context, Result};
use netpolicy::model::Options;
use netpolicy::{Cluster, CompileReport, ImageBuf, StrippedImage};

use crate::figure::{Figure, Figures};
use crate::timing::processor_time;

const MIB: f64 = (1 << 20) as f64;

/// Compiles a cluster `rounds` times, and tells the least time, the memory and the
/// size.
///
/// # Errors
/// Where it cannot be compiled, or figures cannot be written.
pub fn measure(
    name: &str,
    cluster: &Cluster,
    rounds: usize,
    figures: &mut Figures,
) -> Result<(ImageBuf, CompileReport)> {
    let mut least = f64::INFINITY;
    let mut compiled = None;
    let mut resident = None;
    for _ in 0..rounds.max(1) {
        // What the last round made goes first, so that it is not counted.
        drop(compiled.take());
        let watch = Resident::watch();
        let begun = processor_time();
        compiled = Some(cluster.compile(&Options::default())?);
        least = least.min((processor_time() - begun).as_secs_f64());
        resident = watch.and_then(Resident::grown);
    }
    let (image, report) = compiled.context("no round was made")?;
    let pods = report.pods.max(1);
    let sizes = [
        ("compile/time", least * 1e3, "ms"),
        (
            "compile/working-memory",
            report.working_bytes as f64 / MIB,
            "MiB",
        ),
        ("image/size", report.image_bytes as f64 / MIB, "MiB"),
        (
            "image/verdict-tables",
            image.image().verdict_bytes() as f64 / MIB,
            "MiB",
        ),
        (
            "image/bytes-a-pod",
            report.image_bytes as f64 / f64::from(pods),
            "B",
        ),
        ("image/classes", report.classes.into(), "classes"),
        (
            "image/interpreted-gates",
            report.interpreted_gates.into(),
            "gates",
        ),
    ];
    for (what, value, unit) in sizes {
        figures.add(Figure::new(format!("{name}/{what}"), value, unit))?;
    }
    add_stripped(&format!("{name}/image/stripped"), &image, figures)?;
    if let Some(bytes) = resident {
        let what = format!("{name}/compile/peak-memory");
        figures.add(Figure::new(what, bytes as f64 / MIB, "MiB"))?;
    }
    Ok((image, report))
}

/// Compiles a cluster for the pods of its first node, and tells time and size.
///
/// # Errors
/// Where it cannot be compiled, or figures cannot be written.
pub fn measure_node(name: &str, cluster: &Cluster, figures: &mut Figures) -> Result<()> {
    let Some(node) = cluster.nodes().first() else {
        return Ok(());
    };
    let begun = processor_time();
    let (whole, _) = cluster.compile_for_nodes(&Options::default(), &[&node.name])?;
    let time = (processor_time() - begun).as_secs_f64() * 1e3;
    let name = |what: &str| format!("{name}/node-scope/{what}");
    let image = whole.image();
    let tables = image.verdict_bytes() as f64 / MIB;
    let size = image.as_bytes().len() as f64 / MIB;
    figures.add(Figure::new(name("compile/time"), time, "ms"))?;
    figures.add(Figure::new(name("image/size"), size, "MiB"))?;
    figures.add(Figure::new(name("image/verdict-tables"), tables, "MiB"))?;
    add_stripped(&name("image/stripped"), &whole, figures)
}

/// Tells the size of an image without names and rules, if its verdicts need none.
fn add_stripped(name: &str, image: &ImageBuf, figures: &mut Figures) -> Result<()> {
    let Ok(bytes) = image.image().strip() else {
        return Ok(());
    };
    StrippedImage::open(&bytes)?;
    figures.add(Figure::new(name, bytes.len() as f64 / MIB, "MiB"))
}

/// How much memory this process has in use at most, as Linux counts it.
struct Resident {
    before: u64,
}

impl Resident {
    /// Begins to watch; `None` where the system does not tell.
    fn watch() -> Option<Resident> {
        // 5 sets the highest value back to the present one.
        fs::write("/proc/self/clear_refs", "5").ok()?;
        Some(Resident {
            before: status("VmRSS:")?,
        })
    }

    /// The bytes by which it grew at most.
    fn grown(self) -> Option<u64> {
        Some(status("VmHWM:")?.saturating_sub(self.before))
    }
}

/// A line of the process's status, in bytes.
fn status(key: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}
