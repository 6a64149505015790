//! Network namespaces, and code that runs in them.

use std::fs::File;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

/// A network namespace, which is deleted when it is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// Runs a program that must succeed.
///
/// # Errors
/// What it writes to standard error.
pub fn run(program: &str, arguments: &str) -> Result<()> {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .with_context(|| format!("{program} is needed"))?;
    if !output.status.success() {
        bail!(
            "{program} {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

impl Namespace {
    /// Makes a namespace; one of that name that was left behind is replaced.
    ///
    /// # Errors
    /// Where namespaces cannot be made.
    pub fn new(name: &str) -> Result<Namespace> {
        let _ = run("ip", &format!("netns delete {name}"));
        run("ip", &format!("netns add {name}"))
            .context("network namespaces cannot be made here: run as root, with iproute2")?;
        let namespace = Namespace {
            name: name.to_owned(),
        };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Its name, for `ip netns exec`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` in it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, arguments: &str) -> Result<()> {
        run("ip", &format!("-n {} {arguments}", self.name))
    }

    /// Runs code in it, on a thread of its own: sockets that it opens are of this
    /// namespace, wherever they are used.
    ///
    /// # Panics
    /// If the namespace cannot be entered, or the code panics.
    pub fn enter<T: Send>(&self, code: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.name);
        let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(file, CloneFlags::CLONE_NEWNET).expect("cannot enter the namespace");
                code()
            });
            inside.join().expect("a panic in the namespace")
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = run("ip", &format!("netns delete {}", self.name));
    }
}
