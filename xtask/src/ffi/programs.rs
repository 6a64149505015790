//! C programs against the installed library: each compiler, shared and static, and
//! once more under valgrind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::install::{Arguments, install, install_to};
use crate::run::{root, run, target};

/// How a program finds the library.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Linkage {
    Shared,
    Static,
}

/// The folders of the vectors.
pub(super) fn vectors() -> Result<Vec<PathBuf>> {
    let folder = root().join("../shared/vectors");
    let entries = fs::read_dir(&folder)
        .with_context(|| format!("the vectors are looked for in {}", folder.display()))?;
    let folders = entries.map(|entry| Ok(entry?.path()));
    let mut folders: Vec<PathBuf> = folders.collect::<Result<_>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// Flags of the installed library and of another, as `pkg-config` tells them.
fn pkg_config(prefix: &Path, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("pkg-config")
        .args(arguments)
        .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"))
        .output()
        .context("pkg-config is needed")?;
    if !output.status.success() {
        bail!("pkg-config: {}", String::from_utf8_lossy(&output.stderr));
    }
    let flags = String::from_utf8(output.stdout)?;
    Ok(flags.split_whitespace().map(str::to_owned).collect())
}

/// Compiles `source` of `ffi/tests/c` against the library in `prefix`.
pub(super) fn compile(
    compiler: &str,
    source: &str,
    flags: &[&str],
    prefix: &Path,
    linkage: Linkage,
    out: &Path,
) -> Result<()> {
    let standard = match source.ends_with(".cc") {
        true => "-std=c++17",
        false => "-std=c11",
    };
    let mut command = Command::new(compiler);
    command
        .args([standard, "-D_GNU_SOURCE", "-O1", "-g", "-pthread"])
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(flags)
        .args(pkg_config(prefix, &["--cflags", "netpolicy", "jansson"])?)
        .arg("-o")
        .arg(out)
        .arg(root().join("ffi/tests/c").join(source));
    let libraries = match linkage {
        Linkage::Shared => pkg_config(prefix, &["--libs", "netpolicy", "jansson"])?,
        Linkage::Static => pkg_config(prefix, &["--libs", "--static", "netpolicy", "jansson"])?,
    };
    for library in libraries {
        match (linkage, library.as_str()) {
            // Both are in the folder, and the linker would take the shared one.
            (Linkage::Static, "-lnetpolicy") => command.arg("-l:libnetpolicy.a"),
            _ => command.arg(library),
        };
    }
    run(&mut command)
}

/// Runs a program that [`compile`] made, `arguments` in front of its own.
pub(super) fn program(checker: &[&str], path: &Path, prefix: &Path) -> Command {
    let mut words = checker.iter().map(Path::new).chain([path]);
    let mut command = Command::new(words.next().unwrap_or(path));
    command
        .args(words)
        .env("LD_LIBRARY_PATH", prefix.join("lib"))
        .env("RUST_BACKTRACE", "1");
    command
}

/// A place where programs and what they write can be.
pub(super) fn folder(name: &str) -> Result<PathBuf> {
    let folder = target().join("ffi").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

pub(super) fn test() -> Result<()> {
    let prefix = folder("prefix")?;
    let prefix = std::path::absolute(prefix)?;
    install(&Arguments::at(&prefix))?;
    check_destdir()?;
    let programs = folder("programs")?;
    let vectors = vectors()?;
    for compiler in ["gcc", "clang"] {
        for (linkage, suffix) in [(Linkage::Shared, "shared"), (Linkage::Static, "static")] {
            let built = |source: &str| -> Result<PathBuf> {
                let out = programs.join(format!("{source}-{compiler}-{suffix}"));
                compile(compiler, source, &[], &prefix, linkage, &out)?;
                Ok(out)
            };
            run(program(&[], &built("vectors.c")?, &prefix).args(&vectors))?;
            run(program(&[], &built("api.c")?, &prefix).arg(&programs))?;
            run(&mut program(&[], &built("threads.c")?, &prefix))?;
        }
    }
    check_static_program(&prefix, &programs)?;
    for compiler in ["g++", "clang++"] {
        let out = programs.join(format!("include-{compiler}"));
        compile(compiler, "include.cc", &[], &prefix, Linkage::Shared, &out)?;
        run(&mut program(&[], &out, &prefix))?;
    }
    const VALGRIND: [&str; 5] = [
        "valgrind",
        "--quiet",
        "--error-exitcode=1",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
    ];
    let built = |name: &str| programs.join(format!("{name}-gcc-shared"));
    run(program(&VALGRIND, &built("api.c"), &prefix).arg(&programs))?;
    run(program(&VALGRIND, &built("vectors.c"), &prefix).args(&vectors))?;
    run(program(&VALGRIND, &built("threads.c"), &prefix).arg("100"))
}

/// A program without any shared library, linked by what `pkg-config` says and nothing else.
fn check_static_program(prefix: &Path, programs: &Path) -> Result<()> {
    for compiler in ["gcc", "clang"] {
        let out = programs.join(format!("api.c-{compiler}-alone"));
        let mut command = Command::new(compiler);
        command
            .args(["-std=c11", "-D_GNU_SOURCE", "-static", "-o"])
            .arg(&out)
            .arg(root().join("ffi/tests/c/api.c"))
            .args(pkg_config(
                prefix,
                &["--cflags", "--libs", "--static", "netpolicy"],
            )?);
        run(&mut command)?;
        run(program(&[], &out, prefix).arg(programs))?;
    }
    Ok(())
}

/// What is staged for a package lies below `DESTDIR` and does not speak of it.
fn check_destdir() -> Result<()> {
    let staging = folder("staging")?;
    let (prefix, libdir) = (Path::new("/usr"), Path::new("/usr/lib/somewhere"));
    install_to(prefix, libdir, Some(&staging))?;
    for file in [
        "usr/include/netpolicy.h",
        "usr/lib/somewhere/libnetpolicy.a",
        "usr/lib/somewhere/libnetpolicy.so",
    ] {
        fs::metadata(staging.join(file)).with_context(|| format!("{file} is not staged"))?;
    }
    let told = fs::read_to_string(staging.join("usr/lib/somewhere/pkgconfig/netpolicy.pc"))?;
    if !told.starts_with("prefix=/usr\nlibdir=/usr/lib/somewhere\n") {
        bail!("the pkg-config file speaks of another place:\n{told}");
    }
    Ok(())
}
