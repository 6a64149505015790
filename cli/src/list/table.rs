//! Lists as tables: aligned text, CSV, Markdown.

use anyhow::{Context, Result};
use netpolicy::Image;
use netpolicy::reach::{Peer, PortSet};

use super::{Listed, reasons};
use crate::output;

/// Lines in which the columns are aligned; the last one is as wide as it is.
pub(crate) fn table<const N: usize>(lines: &[[String; N]]) -> Vec<String> {
    // One cell that is very long must not push all others out of sight.
    const WIDEST: usize = 60;
    let mut widths = [0; N];
    for line in lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count().min(WIDEST));
        }
    }
    lines
        .iter()
        .map(|line| {
            let mut text = String::new();
            for (index, (cell, width)) in line.iter().zip(widths).enumerate() {
                if index != 0 {
                    text.push_str("  ");
                }
                text.push_str(cell);
                if index + 1 != N {
                    let gap = width.saturating_sub(cell.chars().count());
                    text.extend(std::iter::repeat_n(' ', gap));
                }
            }
            text.trim_end().to_owned()
        })
        .collect()
}

/// Ports, with the names that the destination gives them and rules use.
pub(crate) fn ports_of(destination: &Peer, ports: &PortSet) -> String {
    let mut names: Vec<String> = Vec::new();
    for named in destination
        .workload()
        .into_iter()
        .flat_map(|workload| &workload.named_ports)
    {
        let is_single = ports.ranges().any(|range| {
            range.protocol == Some(named.protocol)
                && (range.first, range.last) == (named.number, named.number)
        });
        if is_single {
            names.push(format!("{}={}", &*named.name, named.number));
        }
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        ports.to_string()
    } else {
        format!("{ports} ({})", names.join(", "))
    }
}

pub(super) fn write_csv(image: &Image<'_>, rows: &[Listed<'_>], explain: bool) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec![
        "source",
        "destination",
        "protocol",
        "first_port",
        "last_port",
    ];
    header.extend(explain.then_some("why"));
    writer.write_record(&header)?;
    for row in rows {
        let why = explain.then(|| reasons(image, row).join("\n"));
        let ranges = row.ports.ranges().map(|range| {
            let number = |port: u16| match range.protocol {
                Some(_) => port.to_string(),
                None => String::new(),
            };
            let protocol = range
                .protocol
                .map_or("other".to_owned(), |protocol| protocol.to_string());
            [protocol, number(range.first), number(range.last)]
        });
        let names = row.names.iter().map(|port| {
            let not = if port.is_open { "" } else { "!" };
            let name = format!("{not}{}", port.name);
            [port.protocol.to_string(), name.clone(), name]
        });
        for ports in ranges.chain(names) {
            let mut record = vec![row.source.to_string(), row.destination.to_string()];
            record.extend(ports);
            record.extend(why.clone());
            writer.write_record(&record)?;
        }
    }
    let bytes = writer.into_inner().context("cannot write CSV")?;
    output::write(&String::from_utf8(bytes)?)
}

pub(super) fn write_markdown(image: &Image<'_>, rows: &[Listed<'_>], explain: bool) -> Result<()> {
    let (head, rule) = if explain {
        (" why |", " --- |")
    } else {
        ("", "")
    };
    output::line(&format!("| source | destination | ports |{head}"))?;
    output::line(&format!("| --- | --- | --- |{rule}"))?;
    for row in rows {
        let mut cells = vec![
            row.source.to_string(),
            row.destination.to_string(),
            row.ports(),
        ];
        if explain {
            cells.push(reasons(image, row).join("<br>"));
        }
        let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
        output::line(&format!("| {} |", cells.join(" | ")))?;
    }
    Ok(())
}
