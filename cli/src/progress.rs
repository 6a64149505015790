//! Progress on standard error, where that is a terminal.

use std::io::{IsTerminal, Write};

/// Says what is going on, in place of what was going on before.
pub(crate) fn say(what: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        // Return, the text, and clear what is left of the line.
        let _ = write!(stderr, "\r{what} …\x1b[K");
        let _ = stderr.flush();
    }
}

/// Takes back what was said, before something else is written.
pub(crate) fn clear() {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r\x1b[K");
        let _ = stderr.flush();
    }
}
