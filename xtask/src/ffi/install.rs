//! `cargo xtask install-ffi`: libnetpolicy where C programs find it.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::{cargo, root, run, target};

/// Build libnetpolicy and install it: shared and static library, header, pkg-config file
///
/// With DESTDIR in the environment everything is put below that folder, and still
/// says that it is in the prefix, as packages are made.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder of lib and include
    #[arg(long, value_name = "DIR", default_value = "/usr/local")]
    prefix: PathBuf,

    /// The folder of the libraries [default: lib in the prefix]
    #[arg(long, value_name = "DIR")]
    libdir: Option<PathBuf>,
}

impl Arguments {
    /// Everything in one folder.
    pub(crate) fn at(prefix: &Path) -> Arguments {
        Arguments {
            prefix: prefix.to_owned(),
            libdir: None,
        }
    }
}

/// Builds and installs, honouring `DESTDIR`.
pub(crate) fn install(arguments: &Arguments) -> Result<()> {
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        "netpolicy-ffi",
    ]))?;
    let prefix = std::path::absolute(&arguments.prefix)?;
    let libdir = match &arguments.libdir {
        Some(libdir) => std::path::absolute(libdir)?,
        None => prefix.join("lib"),
    };
    let destdir = env::var_os("DESTDIR").filter(|destdir| !destdir.is_empty());
    install_to(&prefix, &libdir, destdir.as_deref().map(Path::new))
}

/// Installs what was built.
pub(crate) fn install_to(prefix: &Path, libdir: &Path, destdir: Option<&Path>) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let built = target().join("release");
    let staged = |path: &Path| match destdir {
        Some(destdir) => destdir.join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    };
    let lib = staged(libdir);
    let include = staged(&prefix.join("include"));
    let pkgconfig = lib.join("pkgconfig");
    for folder in [&lib, &include, &pkgconfig] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let shared = format!("libnetpolicy.so.{version}");
    copy(
        &built.join("libnetpolicy_ffi.so"),
        &lib.join(&shared),
        0o755,
    )?;
    link(&shared, &lib.join(soname()))?;
    link(&soname(), &lib.join("libnetpolicy.so"))?;
    copy(
        &built.join("libnetpolicy_ffi.a"),
        &lib.join("libnetpolicy.a"),
        0o644,
    )?;
    let header = root().join("ffi/include/netpolicy.h");
    copy(&header, &include.join("netpolicy.h"), 0o644)?;
    let template = fs::read_to_string(root().join("ffi/pkgconfig/netpolicy.pc.in"))?;
    let file = template
        .replace("@PREFIX@", &prefix.to_string_lossy())
        .replace("@LIBDIR@", &libdir.to_string_lossy())
        .replace("@VERSION@", version);
    fs::write(pkgconfig.join("netpolicy.pc"), file)?;
    eprintln!("installed to {} and {}", lib.display(), include.display());
    Ok(())
}

/// The name by which programs find the library, as `ffi/build.rs` sets it.
fn soname() -> String {
    match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("libnetpolicy.so.0.", env!("CARGO_PKG_VERSION_MINOR")).to_owned(),
        major => format!("libnetpolicy.so.{major}"),
    }
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // A running program keeps the library that it has open.
    let _ = fs::remove_file(to);
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode))?;
    Ok(())
}

fn link(to: &str, link: &Path) -> Result<()> {
    let _ = fs::remove_file(link);
    symlink(to, link).with_context(|| format!("cannot link {}", link.display()))
}
