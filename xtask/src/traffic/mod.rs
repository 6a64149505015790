//! Real traffic: the daemon between network namespaces.

pub(crate) mod bench;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::ffi::install;
use crate::packages;
use crate::run::{cargo, root, run, target};

const PACKAGES: [&str; 8] = [
    "gcc",
    "iproute2",
    "iptables",
    "libc6-dev",
    "libmnl-dev",
    "libnetfilter-queue-dev",
    "make",
    "pkg-config",
];

/// Builds a program with the `Makefile` of a folder, against a libnetpolicy that is
/// installed for it.
fn make(folder: &str, program: &str, flags: &str) -> Result<PathBuf> {
    let prefix = std::path::absolute(target().join("ffi/prefix"))?;
    install::install(&install::Arguments::at(&prefix))?;
    let build = std::path::absolute(target().join("ffi").join(flags_name(flags)))?;
    let mut make = Command::new("make");
    make.arg("--directory")
        .arg(root().join(folder))
        .arg(format!("BUILD={}", build.display()))
        .arg(format!("CFLAGS={flags} -Werror"))
        .arg(format!("LDFLAGS=-Wl,-rpath,{}/lib", prefix.display()))
        .arg(build.join(program))
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
    run(&mut make)?;
    Ok(build.join(program))
}

/// A folder for what is built with some flags.
fn flags_name(flags: &str) -> &'static str {
    if flags.contains("sanitize") {
        "nfqueue-checked"
    } else {
        "nfqueue"
    }
}

/// What cannot be done without root is said, not passed over.
fn need_root() -> Result<()> {
    let output = Command::new("id").arg("-u").output()?;
    if output.stdout != b"0\n" {
        bail!(
            "network namespaces are needed, and only root can make them: run as root, or in a container with CAP_NET_ADMIN and CAP_SYS_ADMIN"
        );
    }
    Ok(())
}

/// Real connections through the daemon, which is built with AddressSanitizer.
pub(crate) fn test() -> Result<()> {
    need_root()?;
    packages::need(&PACKAGES)?;
    let flags = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined";
    let daemon = make("ffi/examples/nfqueue", "netpolicy-nfqueue", flags)?;
    let test = ["test", "--package", "netpolicy-traffic", "--"];
    run(cargo(&test)
        .args(["--test-threads", "1", "--nocapture"])
        .env("NETPOLICY_NFQUEUE", daemon))
}
