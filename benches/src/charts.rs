//! Charts of a record, as SVG.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

use crate::record::Record;
use crate::traffic::Mix;

/// A chart that was drawn.
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Its file.
    pub file: String,
}

/// A name, and its points.
type Series<'s> = (&'s str, Vec<(f64, f64)>);

const SIZE: (u32, u32) = (860, 420);
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 92, 175),
    RGBColor(120, 120, 120),
    RGBColor(214, 96, 0),
    RGBColor(0, 140, 90),
    RGBColor(180, 40, 110),
    RGBColor(130, 90, 200),
];

/// Draws what the record has figures for.
///
/// # Errors
/// Where a chart cannot be written.
pub fn draw(record: &Record, folder: &Path) -> Result<Vec<Chart>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut charts = Vec::new();
    for measure in ["dependent", "back-to-back"] {
        let title = format!("A verdict on the headline world, {measure} (ns, logarithmic)");
        let file = format!("verdict-{measure}.svg");
        bars(&folder.join(&file), &title, &by_mix(record, measure))?;
        charts.push(Chart { title, file });
    }
    let policies = |measure: &str| -> Vec<Series<'_>> {
        ["1k", "20k", "100k", "400k"]
            .into_iter()
            .map(|pods| (pods, over_policies(record, pods, measure)))
            .filter(|(_, points)| points.len() > 1)
            .collect()
    };
    let lines_of = [
        (
            "policies-dependent",
            "A dependent verdict over the number of policies (ns)",
            policies("zipf/dependent"),
        ),
        (
            "policies-compile",
            "Compiling over the number of policies (ms)",
            policies("compile/time"),
        ),
        (
            "policies-image",
            "The image over the number of policies (MiB)",
            policies("image/size"),
        ),
        (
            "crowded",
            "A verdict over the policies of one namespace (ns)",
            crowded(record),
        ),
    ];
    for (file, title, series) in lines_of {
        if series.is_empty() {
            continue;
        }
        let (title, file) = (title.to_owned(), format!("{file}.svg"));
        lines(&folder.join(&file), &title, &series)?;
        charts.push(Chart { title, file });
    }
    Ok(charts)
}

/// For each contestant, its time for each mix.
fn by_mix<'s>(record: &Record, measure: &str) -> Vec<(&'s str, Vec<Option<f64>>)> {
    let figure =
        |mix: &Mix, suffix: &str| record.figure(&format!("headline/{mix}/{measure}{suffix}"));
    let rivals = ["plain-rust", "identity-maps", "tuple-cache-all-hits"];
    let ours = Mix::ALL
        .iter()
        .map(|mix| Some(figure(mix, "")?.value))
        .collect();
    let floor = Mix::ALL
        .iter()
        .map(|mix| figure(mix, "")?.rival_value)
        .collect();
    let mut series = vec![("netpolicy", ours), ("floor", floor)];
    for rival in rivals {
        let suffix = format!("/beside/{rival}");
        let values = Mix::ALL.iter().map(|mix| figure(mix, &suffix)?.rival_value);
        series.push((rival, values.collect()));
    }
    series
}

fn over_policies(record: &Record, pods: &str, measure: &str) -> Vec<(f64, f64)> {
    let counts = [
        ("10", 10.0),
        ("100", 100.0),
        ("1k", 1e3),
        ("10k", 1e4),
        ("50k", 5e4),
    ];
    let points = counts.into_iter().filter_map(|(name, policies)| {
        let world = match (pods, name) {
            ("100k", "10k") => "headline".to_owned(),
            _ => format!("{pods}/{name}/dense/both"),
        };
        Some((
            policies,
            record.figure(&format!("{world}/{measure}"))?.value,
        ))
    });
    points.collect()
}

fn crowded(record: &Record) -> Vec<Series<'static>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for policies in [0, 10, 100, 1000] {
        let name = format!("crowded/{policies}/uniform/back-to-back/beside/kube-network-policies");
        let Some(figure) = record.figure(&name) else {
            continue;
        };
        // A logarithmic axis has no 0.
        let at = f64::from(policies.max(1));
        ours.push((at, figure.value));
        theirs.extend(figure.rival_value.map(|value| (at, value)));
    }
    if ours.is_empty() {
        return Vec::new();
    }
    vec![("netpolicy", ours), ("kube-network-policies", theirs)]
}

/// The range of some values, with room on both sides, for a logarithmic axis.
fn range(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if low > high {
        1.0..10.0
    } else {
        low / 1.5..high * 1.5
    }
}

fn lines(path: &Path, title: &str, series: &[Series<'_>]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|e| failed(&e))?;
    let points = || series.iter().flat_map(|(_, points)| points);
    let (xs, ys) = (range(points().map(|p| p.0)), range(points().map(|p| p.1)));
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(xs.log_scale(), ys.log_scale())
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc("policies")
        .light_line_style(TRANSPARENT)
        .draw()
        .map_err(|e| failed(&e))?;
    for ((name, points), color) in series.iter().zip(COLORS) {
        chart
            .draw_series(
                LineSeries::new(points.iter().copied(), color.stroke_width(2)).point_size(3),
            )
            .map_err(|e| failed(&e))?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()
        .map_err(|e| failed(&e))?;
    root.present().map_err(|e| failed(&e))
}

fn bars(path: &Path, title: &str, series: &[(&str, Vec<Option<f64>>)]) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| anyhow!("cannot draw {}: {error}", path.display());
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(|e| failed(&e))?;
    let ys = range(
        series
            .iter()
            .flat_map(|(_, values)| values.iter().flatten().copied()),
    );
    let bottom = ys.start;
    // A group for each mix: a bar for each series, and a gap.
    let group = series.len() as i32 + 1;
    let end = group * Mix::ALL.len() as i32;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(64)
        .build_cartesian_2d(0..end, ys.log_scale())
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(end as usize + 1)
        .x_label_formatter(&|at| match Mix::ALL.get((at / group) as usize) {
            Some(mix) if at % group == group / 2 => mix.to_string(),
            _ => String::new(),
        })
        .draw()
        .map_err(|e| failed(&e))?;
    for (number, ((name, values), color)) in (0..).zip(series.iter().zip(COLORS)) {
        let found = (0..)
            .zip(values)
            .filter_map(|(mix, value)| Some((mix, (*value)?)));
        let drawn = found.map(|(mix, value)| {
            let left = mix * group + number;
            Rectangle::new([(left, bottom), (left + 1, value)], color.filled())
        });
        chart
            .draw_series(drawn)
            .map_err(|e| failed(&e))?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()
        .map_err(|e| failed(&e))?;
    root.present().map_err(|e| failed(&e))
}
