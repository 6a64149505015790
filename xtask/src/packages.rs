//! Debian packages, installed where that is possible.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run::run;

/// Installs Debian packages; where there is no `apt-get`, nothing is done, and what is
/// missing is told when it is needed.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run(&mut apt(&["update", "-q"]))?;
    run(apt(&["install", "-y", "-q", "--no-install-recommends"]).args(packages))
}

/// Installs the packages of which some are missing.
pub(crate) fn need(packages: &[&str]) -> Result<()> {
    let is_there = |package: &&&str| {
        let status = Command::new("dpkg-query")
            .args(["--show", "--showformat=${db:Status-Status}", package])
            .output();
        status.is_ok_and(|output| output.stdout == b"installed")
    };
    if packages.iter().filter(is_there).count() == packages.len() {
        return Ok(());
    }
    install(packages)
}
