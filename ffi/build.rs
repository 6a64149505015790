//! The name by which programs find the shared library: its major version.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    // Version 0 promises nothing between minor versions.
    let name = match env!("CARGO_PKG_VERSION_MAJOR") {
        "0" => concat!("libnetpolicy.so.0.", env!("CARGO_PKG_VERSION_MINOR")).to_owned(),
        major => format!("libnetpolicy.so.{major}"),
    };
    if os == "linux" {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,{name}");
    }
}
