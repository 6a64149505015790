//! JSON text to tapes: one value after another, as `kubectl get -o json` and its
//! `--watch` print them.

use alloc::format;
use alloc::string::ToString;

use jiter::{Jiter, JiterError, Peek};

use super::tape::{Kind, Mark, Tape};
use super::yaml::SyntaxError;

/// How deep lists and maps may nest.
const MAX_DEPTH: u32 = 255;

/// The values of a text, one after another, and what is between them.
pub(super) struct Values<'t> {
    text: &'t str,
    /// What is read next.
    at: Position,
    /// Reads the value at `at`, or what is behind it.
    jiter: Jiter<'t>,
    /// The offset at which `jiter` begins.
    base: usize,
    /// Where the next line is that separates documents, once somebody has asked.
    separator: Option<usize>,
}

/// An offset, and the line it is in. Offsets only grow.
#[derive(Debug, Clone, Copy)]
struct Position {
    offset: usize,
    line: u32,
    line_start: usize,
}

impl Position {
    fn advance(&mut self, text: &str, offset: usize) {
        let passed = text.as_bytes().get(self.offset..offset).unwrap_or(&[]);
        let line_ends = passed
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n');
        for (at, _) in line_ends {
            self.line += 1;
            self.line_start = self.offset + at + 1;
        }
        self.offset = offset;
    }

    fn mark(&self) -> Mark {
        Mark {
            line: self.line,
            column: (self.offset - self.line_start) as u32 + 1,
        }
    }
}

/// A part of a text, and how many lines are in front of it.
#[derive(Clone, Copy)]
pub(super) struct Part<'t> {
    pub(super) text: &'t str,
    pub(super) lines: u32,
}

impl<'t> Values<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Values {
            text,
            at: Position {
                offset: 0,
                line: 1,
                line_start: 0,
            },
            jiter: Jiter::new(text.as_bytes()),
            base: 0,
            separator: None,
        }
    }

    /// What has not been read, from the next byte on that is no white space.
    pub(super) fn rest(&mut self) -> &'t str {
        let behind = self.text.get(self.at.offset..).unwrap_or("");
        let rest = behind.trim_ascii_start();
        self.at.advance(self.text, self.text.len() - rest.len());
        rest
    }

    /// The place of the next byte.
    pub(super) fn mark(&self) -> Mark {
        self.at.mark()
    }

    /// Passes over what separates documents, `---` or `...` at the beginning of a
    /// line; false if there is none.
    pub(super) fn skip_separator(&mut self) -> bool {
        let behind = self.text.get(self.at.offset..).unwrap_or("");
        let is_it = self.at.offset == self.at.line_start
            && (is_separator(behind) || is_marker(behind, "..."));
        if is_it {
            self.skip("---".len());
        }
        is_it
    }

    /// Passes over bytes.
    pub(super) fn skip(&mut self, len: usize) {
        self.go_to(self.at.offset + len);
    }

    /// Goes on at an offset further on.
    pub(super) fn go_to(&mut self, offset: usize) {
        self.at.advance(self.text, offset);
    }

    /// The offset of the next line that may begin a value or separates documents,
    /// or of the end.
    pub(super) fn next_start(&self) -> usize {
        self.next_line(|line| line.starts_with(['{', '[']) || is_separator(line))
    }

    /// The offset of the next line that separates documents, or of the end.
    pub(super) fn next_separator(&mut self) -> usize {
        let known = self.separator.filter(|known| *known > self.at.offset);
        let separator = known.unwrap_or_else(|| self.next_line(is_separator));
        self.separator = Some(separator);
        separator
    }

    fn next_line(&self, is_it: impl Fn(&str) -> bool) -> usize {
        let mut offset = self.at.offset;
        while let Some(behind) = self.text.get(offset..)
            && let Some(end) = behind.find('\n')
        {
            offset += end + 1;
            if self.text.get(offset..).is_some_and(&is_it) {
                return offset;
            }
        }
        self.text.len()
    }

    /// What is from the next byte to an offset, with the white space in front of it
    /// in its line.
    pub(super) fn part(&self, end: usize) -> Part<'t> {
        let Position {
            offset, line_start, ..
        } = self.at;
        let is_indent = |text: &str| text.trim_ascii().is_empty();
        let start = match self.text.get(line_start..offset) {
            Some(in_front) if is_indent(in_front) => line_start,
            _ => offset,
        };
        Part {
            text: self.text.get(start..end).unwrap_or(""),
            lines: self.at.line - 1,
        }
    }

    /// Reads the value that begins at the next byte into a tape. If there is none,
    /// the next byte remains what it was.
    pub(super) fn next(&mut self, tape: &mut Tape) -> Result<(), SyntaxError> {
        tape.clear();
        let start = self.at;
        self.base = start.offset;
        let text = self.text.as_bytes();
        self.jiter = Jiter::new(text.get(self.base..).unwrap_or(&[]));
        let result = self.value(tape, MAX_DEPTH);
        result.map_err(|error| {
            self.at = start;
            match error {
                Failure::Syntax(error) => {
                    let mut at = start;
                    at.advance(self.text, self.base + error.index);
                    SyntaxError {
                        mark: at.mark(),
                        message: error.error_type.to_string(),
                    }
                }
                Failure::TooDeep(mark) => SyntaxError {
                    mark,
                    message: format!("lists and maps nest more than {MAX_DEPTH} deep"),
                },
            }
        })?;
        self.advance();
        Ok(())
    }

    /// The place of the byte that is read next.
    fn advance(&mut self) -> Mark {
        let offset = self.base + self.jiter.current_index();
        self.at.advance(self.text, offset);
        self.mark()
    }

    fn value(&mut self, tape: &mut Tape, depth: u32) -> Result<(), Failure> {
        let peek = self.jiter.peek()?;
        let mark = self.advance();
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Failure::TooDeep(mark));
        };
        match peek {
            Peek::String => tape.scalar(Kind::Text, self.jiter.known_str()?, mark),
            Peek::Null => {
                self.jiter.known_null()?;
                tape.scalar(Kind::Plain, "null", mark);
            }
            Peek::True | Peek::False => {
                let value = self.jiter.known_bool(peek)?;
                tape.scalar(Kind::Plain, if value { "true" } else { "false" }, mark);
            }
            Peek::Array => {
                let list = tape.open(Kind::List, mark);
                let mut item = self.jiter.known_array()?;
                while item.is_some() {
                    self.value(tape, depth)?;
                    item = self.jiter.array_step()?;
                }
                tape.close(list);
            }
            Peek::Object => {
                let map = tape.open(Kind::Map, mark);
                let mut key = self.jiter.known_object()?.is_some_and(|key| {
                    tape.scalar(Kind::Text, key, mark);
                    true
                });
                while key {
                    self.value(tape, depth)?;
                    let mark = self.advance();
                    key = self.jiter.next_key()?.is_some_and(|key| {
                        tape.scalar(Kind::Text, key, mark);
                        true
                    });
                }
                tape.close(map);
            }
            _ => {
                let number = self.jiter.known_number_bytes(peek)?;
                let number = core::str::from_utf8(number).unwrap_or("");
                tape.scalar(Kind::Plain, number, mark);
            }
        }
        Ok(())
    }
}

/// Whether a text begins with the line that separates documents.
fn is_separator(text: &str) -> bool {
    is_marker(text, "---")
}

fn is_marker(text: &str, marker: &str) -> bool {
    let behind = text.strip_prefix(marker);
    behind.is_some_and(|behind| {
        let next = behind.bytes().next();
        next.is_none_or(|byte| byte.is_ascii_whitespace())
    })
}

enum Failure {
    Syntax(JiterError),
    TooDeep(Mark),
}

impl From<JiterError> for Failure {
    fn from(error: JiterError) -> Failure {
        Failure::Syntax(error)
    }
}
