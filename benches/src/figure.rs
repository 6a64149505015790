//! What was measured.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One number, alone or beside a rival's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is of: world, traffic and measure, such as
    /// `headline/zipf/dependent`.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// Whom it stands beside.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rival: Option<String>,
    /// The rival's number, in the same unit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rival_value: Option<f64>,
    /// The rival's number divided by ours: above 1, ours is the smaller.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ratio: Option<f64>,
}

impl Figure {
    /// A number alone.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &str) -> Figure {
        Figure {
            name: name.into(),
            value,
            unit: unit.to_owned(),
            rival: None,
            rival_value: None,
            ratio: None,
        }
    }

    /// The number beside a rival's, under a name of its own.
    #[must_use]
    pub fn versus(&self, rival: &str, rival_value: f64) -> Figure {
        let mut figure = self.clone();
        figure.name += &format!("/beside/{rival}");
        figure.beside(rival, rival_value)
    }

    /// The number beside a rival's.
    #[must_use]
    pub fn beside(self, rival: &str, rival_value: f64) -> Figure {
        Figure {
            ratio: Some(rival_value / self.value),
            rival: Some(rival.to_owned()),
            rival_value: Some(rival_value),
            ..self
        }
    }
}

/// `-o`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one object a line.
    Json,
}

/// Where figures go as they are measured: to standard output, and kept.
#[derive(Debug)]
pub struct Figures {
    format: Format,
    all: Vec<Figure>,
}

impl Figures {
    /// None yet.
    #[must_use]
    pub fn new(format: Format) -> Figures {
        Figures {
            format,
            all: Vec::new(),
        }
    }

    /// Prints a figure and keeps it.
    ///
    /// # Errors
    /// Where standard output cannot be written.
    pub fn add(&mut self, figure: Figure) -> Result<()> {
        let line = match self.format {
            Format::Json => serde_json::to_string(&figure)?,
            Format::Text => text(&figure),
        };
        writeln!(io::stdout().lock(), "{line}").context("cannot write to standard output")?;
        self.all.push(figure);
        Ok(())
    }

    /// All figures so far.
    #[must_use]
    pub fn all(&self) -> &[Figure] {
        &self.all
    }
}

fn text(figure: &Figure) -> String {
    let Figure {
        name, value, unit, ..
    } = figure;
    let mut text = format!("{name:<56} {:>12} {unit}", digits(*value));
    if let (Some(rival), Some(rival_value), Some(ratio)) =
        (&figure.rival, figure.rival_value, figure.ratio)
    {
        text += &format!(
            "   {rival} {} {unit}, ratio {}",
            digits(rival_value),
            digits(ratio)
        );
    }
    text
}

/// A number with as many digits as mean something.
#[must_use]
pub fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
