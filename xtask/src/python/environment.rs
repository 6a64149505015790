//! Virtual environments, in the folder that cargo builds in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::packages::need;
use crate::run::{run, target};

/// A virtual environment.
pub(super) struct Environment {
    folder: PathBuf,
}

/// Python 3.11 or newer, which can make virtual environments.
pub(super) fn python() -> Result<&'static str> {
    const SUITS: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    let suits = |name: &&&str| {
        let result = Command::new(name).args(["-c", SUITS]).output();
        result.is_ok_and(|output| output.status.success())
    };
    let names = ["python3", "/usr/bin/python3"];
    if names.iter().find(suits).is_none() {
        need(&["python3", "python3-venv"])?;
    }
    match names.iter().find(suits) {
        Some(name) => Ok(name),
        None => bail!(
            "Python 3.11 or newer is needed, with venv: on Debian `apt-get install python3 python3-venv`"
        ),
    }
}

impl Environment {
    /// A new environment, in place of the one that was there.
    pub(super) fn create(name: &str) -> Result<Environment> {
        let folder = target().join(name);
        let mut create = Command::new(python()?);
        run(create.args(["-m", "venv", "--clear"]).arg(&folder))?;
        Ok(Environment { folder })
    }

    /// The environment of that name, or a new one.
    pub(super) fn open(name: &str) -> Result<Environment> {
        let folder = target().join(name);
        if folder.join("bin/python").exists() {
            return Ok(Environment { folder });
        }
        Environment::create(name)
    }

    /// A program of the environment.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(name));
        // Programs that start `python` mean this one.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut paths = vec![self.folder.join("bin")];
        paths.extend(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(paths) {
            command.env("PATH", path);
        }
        command.env("VIRTUAL_ENV", &self.folder);
        command
    }

    /// `python -m module`.
    pub(super) fn module(&self, name: &str) -> Command {
        let mut command = self.program("python");
        command.args(["-m", name]);
        command
    }

    /// Installs packages that are not there yet.
    pub(super) fn install(&self, packages: &[&str]) -> Result<()> {
        run(self
            .module("pip")
            .args(["install", "--quiet"])
            .args(packages))
    }

    /// Installs a wheel, and nothing that it may need, in place of what is there of it.
    pub(super) fn replace(&self, wheel: &Path) -> Result<()> {
        let mut pip = self.module("pip");
        pip.args([
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--force-reinstall",
        ]);
        run(pip.arg(wheel))
    }
}
