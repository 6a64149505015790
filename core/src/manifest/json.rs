//! JSON text to tapes: one value after another, as `kubectl get -o json` and its
//! `--watch` print them.

use alloc::format;
use alloc::string::ToString;

use jiter::{Jiter, JiterError, Peek};

use super::tape::{Kind, Mark, Tape};
use super::yaml::SyntaxError;

/// How deep lists and maps may nest.
const MAX_DEPTH: u32 = 255;

/// The values of a text.
pub(super) struct Values<'t> {
    text: &'t str,
    jiter: Jiter<'t>,
    /// The last offset whose line is known, and where that line begins.
    offset: usize,
    line: u32,
    line_start: usize,
    done: bool,
}

impl<'t> Values<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Values {
            text,
            jiter: Jiter::new(text.as_bytes()),
            offset: 0,
            line: 1,
            line_start: 0,
            done: false,
        }
    }

    /// Reads the next value into a tape; `None` at the end. Behind an error there
    /// is nothing more to read.
    pub(super) fn next(&mut self, tape: &mut Tape) -> Option<Result<(), SyntaxError>> {
        tape.clear();
        if self.done || self.jiter.finish().is_ok() {
            return None;
        }
        let result = self.value(tape, MAX_DEPTH);
        self.done = result.is_err();
        Some(result.map_err(|error| match error {
            Failure::Syntax(error) => {
                let position = error.get_position(&self.jiter);
                SyntaxError {
                    mark: Mark {
                        line: position.line as u32,
                        column: position.column as u32,
                    },
                    message: error.error_type.to_string(),
                }
            }
            Failure::TooDeep(mark) => SyntaxError {
                mark,
                message: format!("lists and maps nest more than {MAX_DEPTH} deep"),
            },
        }))
    }

    /// The line and column of the byte that is read next. Offsets only grow.
    fn mark(&mut self) -> Mark {
        let offset = self.jiter.current_index();
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or(&[]);
        for (at, _) in passed
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
        {
            self.line += 1;
            self.line_start = self.offset + at + 1;
        }
        self.offset = offset;
        Mark {
            line: self.line,
            column: (offset - self.line_start) as u32 + 1,
        }
    }

    fn value(&mut self, tape: &mut Tape, depth: u32) -> Result<(), Failure> {
        let peek = self.jiter.peek()?;
        let mark = self.mark();
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
                    let mark = self.mark();
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

enum Failure {
    Syntax(JiterError),
    TooDeep(Mark),
}

impl From<JiterError> for Failure {
    fn from(error: JiterError) -> Failure {
        Failure::Syntax(error)
    }
}
