//! The committed header is the one that the sources make. With `NETPOLICY_WRITE_HEADER` set
//! it is written instead (`cargo xtask header`).

use std::path::Path;

#[test]
fn header_is_what_the_sources_make() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = folder.join("include/netpolicy.h");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(folder.join("src/lib.rs"))
        .generate()
        .unwrap();
    let mut made = Vec::new();
    bindings.write(&mut made);
    if std::env::var_os("NETPOLICY_WRITE_HEADER").is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let committed = std::fs::read(&path).unwrap();
    assert!(
        committed == made,
        "ffi/include/netpolicy.h is not what ffi/src makes: `cargo xtask header` writes it anew"
    );
}
