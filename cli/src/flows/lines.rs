//! The lines of a text, numbered as editors number them.

use std::io::BufRead;

use anyhow::{Context, Result};

use super::{Counter, Record};
use crate::progress;

/// What some programs write before a text to say that it is Unicode.
pub(super) const BOM: &str = "\u{feff}";

/// The lines that are not blank, without their ends.
pub(super) struct Lines<'t> {
    name: &'t str,
    text: &'t mut dyn BufRead,
    line: Vec<u8>,
    number: u64,
}

impl<'t> Lines<'t> {
    pub(super) fn new(name: &'t str, text: &'t mut dyn BufRead) -> Lines<'t> {
        Lines {
            name,
            text,
            line: Vec::new(),
            number: 0,
        }
    }

    /// What is read.
    pub(super) fn name(&self) -> &'t str {
        self.name
    }

    /// The next line and its number; an error in the line where it is no text.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Result<&str, String>)>> {
        loop {
            self.line.clear();
            let read = self.text.read_until(b'\n', &mut self.line);
            if read.with_context(|| format!("cannot read {}", self.name))? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.number.is_multiple_of(1 << 20) {
                progress::say(&format!("reading {}, line {}", self.name, self.number));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        let line = str::from_utf8(&self.line)
            .map(|line| line.trim_start_matches(BOM).trim_ascii())
            .map_err(|_| "not UTF-8".to_owned());
        Ok(Some((self.number, line)))
    }

    /// Counts each line as a record.
    pub(super) fn count(
        &mut self,
        counter: &mut Counter,
        mut record: impl FnMut(&str) -> Result<Record, String>,
    ) -> Result<()> {
        while let Some((number, line)) = self.next()? {
            let record = line.and_then(&mut record);
            counter.add(number, record);
        }
        Ok(())
    }
}
