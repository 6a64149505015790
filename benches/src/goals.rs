//! What is to be reached, and by which figure that is judged.

use crate::figure::digits;
use crate::record::Record;

/// What of a figure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Value,
    /// Ours divided by the rival's.
    Share,
    /// The rival's divided by ours.
    Times,
}

/// A bound on a figure.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// What is meant.
    pub what: &'static str,
    /// The figure's name.
    pub figure: &'static str,
    of: Of,
    bound: f64,
}

/// What a record says of a goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The bound: `at most 12 ns`.
    pub bound: String,
    /// What was measured.
    pub measured: String,
    /// Whether it was reached; `None` where it was not measured.
    pub is_reached: Option<bool>,
}

const fn at_most(what: &'static str, figure: &'static str, bound: f64) -> Goal {
    Goal {
        what,
        figure,
        of: Of::Value,
        bound,
    }
}

const fn share(what: &'static str, figure: &'static str, bound: f64) -> Goal {
    Goal {
        what,
        figure,
        of: Of::Share,
        bound,
    }
}

const fn times(what: &'static str, figure: &'static str, bound: f64) -> Goal {
    Goal {
        what,
        figure,
        of: Of::Times,
        bound,
    }
}

/// All goals, in the order of the page.
pub const GOALS: [Goal; 26] = [
    share(
        "dependent verdict, Zipf, beside the floor",
        "headline/zipf/dependent",
        1.25,
    ),
    at_most("back to back, Zipf", "headline/zipf/back-to-back", 12.0),
    times(
        "back to back beside plain Rust with indexes",
        "headline/zipf/back-to-back/beside/plain-rust",
        60.0,
    ),
    times(
        "beside kube-network-policies, without policies",
        "crowded/0/uniform/back-to-back/beside/kube-network-policies",
        30.0,
    ),
    times(
        "… with 100 policies in the namespace",
        "crowded/100/uniform/back-to-back/beside/kube-network-policies",
        1_000.0,
    ),
    times(
        "… with 1,000 policies in the namespace",
        "crowded/1000/uniform/back-to-back/beside/kube-network-policies",
        20_000.0,
    ),
    at_most(
        "10 → 10,000 policies, dependent",
        "ratio/policies-10-to-10k/dependent",
        1.5,
    ),
    at_most(
        "10 → 10,000 policies, back to back",
        "ratio/policies-10-to-10k/back-to-back",
        1.5,
    ),
    at_most(
        "IPv6 beside IPv4, dependent",
        "ratio/ipv6-to-ipv4/dependent",
        1.3,
    ),
    at_most(
        "IPv6 beside IPv4, back to back",
        "ratio/ipv6-to-ipv4/back-to-back",
        1.3,
    ),
    at_most("image, stripped", "headline/image/stripped", 3.0),
    at_most(
        "image, with names and rules for explanations",
        "headline/image/size",
        3.0,
    ),
    at_most(
        "image for one node, stripped",
        "headline/node-scope/image/stripped",
        1.2,
    ),
    at_most(
        "image for one node, with names and rules",
        "headline/node-scope/image/size",
        1.2,
    ),
    at_most("compile", "headline/compile/time", 500.0),
    at_most("compile, memory", "headline/compile/peak-memory", 256.0),
    at_most(
        "pod into a known class, visible, p50",
        "headline/update/pod-add/p50",
        2.0,
    ),
    at_most("… p99", "headline/update/pod-add/p99", 20.0),
    at_most(
        "policy edit, visible, p50",
        "headline/update/policy-edit/p50",
        1_000.0,
    ),
    at_most("… p99", "headline/update/policy-edit/p99", 10_000.0),
    share(
        "undisturbed readers beside readers during 1,000 updates a second",
        "headline/update/readers",
        1.0 / 0.95,
    ),
    share(
        "x86-64 beside the best build, dependent",
        "build/x86-64/headline/zipf/dependent",
        1.5,
    ),
    share(
        "… back to back",
        "build/x86-64/headline/zipf/back-to-back",
        1.5,
    ),
    share(
        "x86-64-v3, back to back",
        "build/x86-64-v3/headline/zipf/back-to-back",
        1.5,
    ),
    share(
        "native, back to back",
        "build/native/headline/zipf/back-to-back",
        1.5,
    ),
    share("native, batch", "build/native/headline/zipf/batch", 1.5),
];

impl Goal {
    /// What a record says of it.
    #[must_use]
    pub fn judge(&self, record: &Record) -> Outcome {
        let figure = record.figure(self.figure);
        let unit = figure.map_or(String::new(), |figure| format!(" {}", figure.unit));
        let found = figure.and_then(|figure| match self.of {
            Of::Value => Some(figure.value),
            Of::Share => figure.ratio.map(f64::recip),
            Of::Times => figure.ratio,
        });
        let bound = digits(self.bound);
        let bound = match self.of {
            Of::Value => format!("at most {bound}{unit}"),
            Of::Share => format!("at most {bound} ×"),
            Of::Times => format!("at least {bound} ×"),
        };
        let measured = found.map_or("not measured".to_owned(), |found| match self.of {
            Of::Value => format!("{}{unit}", digits(found)),
            Of::Share | Of::Times => format!("{} ×", digits(found)),
        });
        let is_reached = found.map(|found| match self.of {
            Of::Value | Of::Share => found <= self.bound,
            Of::Times => found >= self.bound,
        });
        Outcome {
            bound,
            measured,
            is_reached,
        }
    }
}
