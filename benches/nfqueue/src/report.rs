//! Medians, beside each other.

use std::fmt;
use std::time::Duration;

/// One measurement of one rival.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) per_second: f64,
    /// CPU time of the daemon for each.
    pub(crate) busy_per_event: Duration,
}

#[derive(Default)]
struct Comparison {
    accept_all: Vec<Sample>,
    netpolicy: Vec<Sample>,
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Report {
    connections: Comparison,
    packets: Comparison,
}

impl Comparison {
    fn add(&mut self, is_netpolicy: bool, sample: Sample) {
        match is_netpolicy {
            true => self.netpolicy.push(sample),
            false => self.accept_all.push(sample),
        }
    }
}

impl Report {
    pub(crate) fn connections(&mut self, is_netpolicy: bool, sample: Sample) {
        self.connections.add(is_netpolicy, sample);
    }

    pub(crate) fn packets(&mut self, is_netpolicy: bool, sample: Sample) {
        self.packets.add(is_netpolicy, sample);
    }
}

fn median(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| median of {} | accept-all | netpolicy | ratio | CPU of accept-all | of netpolicy |",
            self.connections.netpolicy.len()
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for (name, comparison) in [
            ("connections/s", &self.connections),
            ("packets/s", &self.packets),
        ] {
            let rate = |samples| median(samples, |sample| sample.per_second);
            let busy = |samples| median(samples, |s| s.busy_per_event.as_secs_f64() * 1e6);
            let (idle, full) = (&comparison.accept_all[..], &comparison.netpolicy[..]);
            writeln!(
                f,
                "| {name} | {:.0} | {:.0} | {:.1} % | {:.2} µs | {:.2} µs |",
                rate(idle),
                rate(full),
                rate(full) / rate(idle) * 100.0,
                busy(idle),
                busy(full),
            )?;
        }
        Ok(())
    }
}
