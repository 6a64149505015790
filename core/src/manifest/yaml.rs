//! YAML text to tapes, one document at a time.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput};

use super::tape::{Kind, Mark, Tape};

/// How many nodes aliases may add to a document: a document that doubles itself
/// with each line must not fill the memory.
const MAX_ALIASED_NODES: u32 = 1 << 20;

/// The documents of a stream.
pub(super) struct Documents<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// The nodes of a document that have an anchor: its number, and the index of
    /// the node.
    anchors: Vec<(usize, u32)>,
    /// How many lines are in front of the text.
    lines: u32,
    done: bool,
}

/// What keeps a document from being read, and where.
pub(super) struct SyntaxError {
    pub(super) mark: Mark,
    pub(super) message: String,
}

impl<'t> Documents<'t> {
    /// The documents of a text that has `lines` lines in front of it.
    pub(super) fn new(text: &'t str, lines: u32) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        Documents {
            parser: Parser::new_from_str_with_options(text, options),
            anchors: Vec::new(),
            lines,
            done: false,
        }
    }

    /// Reads the next document into a tape; `None` at the end of the stream.
    ///
    /// Behind a document that cannot be read, the next call goes on with the
    /// document after it.
    pub(super) fn next(&mut self, tape: &mut Tape) -> Option<Result<(), SyntaxError>> {
        tape.clear();
        self.anchors.clear();
        if self.done {
            return None;
        }
        match self.read(tape) {
            Ok(true) => Some(Ok(())),
            Ok(false) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = !matches!(self.parser.proceed_next_document(), Ok(true));
                Some(Err(error))
            }
        }
    }

    /// Reads up to the end of a document; false if the stream has ended.
    fn read(&mut self, tape: &mut Tape) -> Result<bool, SyntaxError> {
        let mut open = Vec::new();
        let mut aliased = 0;
        loop {
            let (event, span) = match self.parser.next_event() {
                None => return Ok(false),
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    let marker = error.marker();
                    return Err(SyntaxError {
                        mark: self.mark(marker.line(), marker.col()),
                        message: error.info().to_string(),
                    });
                }
            };
            let at = self.mark(span.start.line(), span.start.col());
            let node = tape.len();
            match event {
                Event::StreamEnd => return Ok(false),
                Event::DocumentEnd => return Ok(true),
                Event::Scalar(text, style, anchor, tag) => {
                    let is_text = style != ScalarStyle::Plain
                        || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                    let kind = if is_text { Kind::Text } else { Kind::Plain };
                    tape.scalar(kind, &text, at);
                    self.anchor(anchor, node);
                }
                Event::SequenceStart(_, anchor, _) => {
                    open.push(tape.open(Kind::List, at));
                    self.anchor(anchor, node);
                }
                Event::MappingStart(_, anchor, _) => {
                    open.push(tape.open(Kind::Map, at));
                    self.anchor(anchor, node);
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(index) = open.pop() {
                        tape.close(index);
                    }
                }
                Event::Alias(anchor) => {
                    let target = self
                        .anchors
                        .iter()
                        .rev()
                        .find(|(number, _)| *number == anchor);
                    let target = target
                        .map(|(_, node)| *node)
                        .filter(|node| !open.contains(node));
                    let Some(target) = target else {
                        let message = "an alias inside the node that it stands for".into();
                        return Err(SyntaxError { mark: at, message });
                    };
                    aliased += tape.size(target);
                    if aliased > MAX_ALIASED_NODES {
                        let message = format!(
                            "aliases add more than {MAX_ALIASED_NODES} nodes to the document"
                        );
                        return Err(SyntaxError { mark: at, message });
                    }
                    tape.repeat(target);
                }
                _ => {}
            }
        }
    }

    fn anchor(&mut self, anchor: usize, node: u32) {
        if anchor != 0 {
            self.anchors.push((anchor, node));
        }
    }

    /// A mark from a line from 1 and a column from 0.
    fn mark(&self, line: usize, column: usize) -> Mark {
        Mark {
            line: self.lines + line as u32,
            column: column as u32 + 1,
        }
    }
}

/// Reads a text that must be one document, and no more.
pub(super) fn only_document(text: &str, lines: u32, tape: &mut Tape) -> Result<(), SyntaxError> {
    let mut documents = Documents::new(text, lines);
    let Some(result) = documents.next(tape) else {
        return Ok(());
    };
    result?;
    match documents.next(&mut Tape::default()) {
        None => Ok(()),
        Some(Err(error)) => Err(error),
        Some(Ok(())) => Err(SyntaxError {
            mark: Mark {
                line: lines + 1,
                column: 0,
            },
            message: "more than one document".into(),
        }),
    }
}
