//! Files, folders and standard input.

use alloc::format;
use alloc::string::{String, ToString};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use alloc::vec::Vec;

use super::{Loader, Mark, Origin};
use crate::{Diagnostic, Severity};

/// What is read in a folder.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

impl Loader {
    /// Reads a file, whatever its name, or every `.yaml`, `.yml` and `.json` file in
    /// a folder and the folders in it, in the order of their names. `-` is standard
    /// input. Hidden files and folders are left out.
    ///
    /// What cannot be read is told among the diagnostics, and so is a path that holds
    /// no object at all.
    pub fn read_path(&mut self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        let before = self.seen();
        self.read_any(path);
        if self.seen() == before {
            self.diagnostics.push(Diagnostic {
                file: path.to_string_lossy().into_owned(),
                message: "holds no manifest".to_string(),
                ..Diagnostic::warning()
            });
        }
    }

    /// How many objects and complaints there were so far.
    fn seen(&self) -> usize {
        let skipped = self.skipped.iter();
        let skipped = skipped.filter(|(kind, _)| kind.as_str() != super::NO_OBJECT);
        let skipped: usize = skipped.map(|(_, count)| count).sum();
        self.objects + skipped + self.diagnostics.len()
    }

    fn read_any(&mut self, path: &Path) {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            let result = io::stdin().lock().read_to_end(&mut bytes);
            self.read_bytes("<stdin>", result.map(|_| bytes));
        } else if path.is_dir() {
            self.read_folder(path);
        } else {
            self.read_bytes(&path.to_string_lossy(), fs::read(path));
        }
    }

    fn read_folder(&mut self, folder: &Path) {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.refuse_file(&folder.to_string_lossy(), &error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path: PathBuf = entry.path();
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            let is_manifest = path.extension().is_some_and(|extension| {
                EXTENSIONS
                    .iter()
                    .any(|known| extension.eq_ignore_ascii_case(known))
            });
            // A link to a folder may lead in a circle; one to a file is as good as
            // the file, and is how Kubernetes mounts a ConfigMap.
            if is_hidden {
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.read_folder(&path);
            } else if is_manifest && path.is_file() {
                self.read_any(&path);
            }
        }
    }

    fn read_bytes(&mut self, file: &str, bytes: io::Result<Vec<u8>>) {
        let text = match bytes.map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                let valid = error
                    .as_bytes()
                    .get(..error.utf8_error().valid_up_to())
                    .unwrap_or(&[]);
                let line = valid.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
                let message = "not UTF-8 text".to_string();
                self.unread += 1;
                let mark = Mark { line, column: 0 };
                self.diagnose(
                    Origin { file },
                    Severity::Error,
                    mark,
                    String::new(),
                    String::new(),
                    message,
                );
                return;
            }
            Err(error) => return self.refuse_file(file, &error),
        };
        self.read_text(file, &text);
    }

    fn refuse_file(&mut self, file: &str, error: &io::Error) {
        let message = format!("cannot be read: {error}");
        self.unread += 1;
        self.diagnose(
            Origin { file },
            Severity::Error,
            Mark::default(),
            String::new(),
            String::new(),
            message,
        );
    }
}
