//! Builds for different processors, beside one another.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::figure::{Figure, Figures};

/// A program of this package, built for a processor.
#[derive(Debug, Clone)]
pub struct Build {
    processor: String,
    program: String,
}

impl std::str::FromStr for Build {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Build> {
        let (processor, program) = text.split_once('=').context(
            "write PROCESSOR=PROGRAM, such as native=target/native/release/netpolicy-benches",
        )?;
        Ok(Build {
            processor: processor.to_owned(),
            program: program.to_owned(),
        })
    }
}

/// Asks each build to measure itself, and tells how much slower it is than the best.
///
/// # Errors
/// Where one cannot be run, or figures cannot be written.
pub fn measure(builds: &[Build], figures: &mut Figures) -> Result<()> {
    let mut measured: Vec<(&str, Vec<Figure>)> = Vec::new();
    for build in builds {
        let output = Command::new(&build.program)
            .args(["build", "-o", "json"])
            .output()
            .with_context(|| format!("cannot run {}", build.program))?;
        ensure!(output.status.success(), "{} failed", build.program);
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(serde_json::from_str);
        let all: Vec<Figure> = lines.collect::<Result<_, _>>()?;
        measured.push((&build.processor, all));
    }
    for measure in ["dependent", "back-to-back", "batch"] {
        let suffix = format!("/{measure}");
        let value = |all: &[Figure]| {
            let figure = all.iter().find(|figure| figure.name.ends_with(&suffix));
            figure.map_or(f64::NAN, |figure| figure.value)
        };
        let best = measured
            .iter()
            .map(|(_, all)| value(all))
            .fold(f64::INFINITY, f64::min);
        for (processor, all) in &measured {
            let name = format!("build/{processor}/headline/zipf/{measure}");
            figures.add(Figure::new(name, value(all), "ns").beside("best-build", best))?;
        }
    }
    Ok(())
}
