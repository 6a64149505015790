//! criterion's estimates, as figures: `criterion/verdict.rs` makes them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::figure::{Figure, Figures};

/// Adds the estimate of every benchmark below criterion's folder: the mean time, of one
/// connection where the benchmark tells how many it answers.
///
/// # Errors
/// Where an estimate cannot be read, or figures cannot be written.
pub fn estimates(folder: &Path, figures: &mut Figures) -> Result<()> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    for figure in found {
        figures.add(figure)?;
    }
    Ok(())
}

fn collect(folder: &Path, found: &mut Vec<Figure>) -> Result<()> {
    let is_estimate = folder.ends_with("new") && folder.join("estimates.json").exists();
    if is_estimate {
        let benchmark = read(&folder.join("benchmark.json"))?;
        let estimates = read(&folder.join("estimates.json"))?;
        let name = benchmark["full_id"].as_str().unwrap_or("unknown");
        let time = estimates["mean"]["point_estimate"].as_f64();
        let time = time.with_context(|| format!("criterion has no mean for {name}"))?;
        let elements = benchmark["throughput"]["Elements"].as_f64().unwrap_or(1.0);
        found.push(Figure::new(
            format!("criterion/{name}"),
            time / elements,
            "ns",
        ));
        return Ok(());
    }
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("cannot read {}", path.display()))
}
