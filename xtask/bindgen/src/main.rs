//! `xtask-bindgen IN.wasm OUT_DIRECTORY`: what the command wasm-bindgen does, as the
//! library behind it, so that its version is the one in Cargo.lock.

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        bail!("two arguments are needed: the module that cargo built, and a folder");
    };
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(input)
        .out_name("netpolicy")
        .typescript(true)
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)?;
    bindgen
        .generate(output)
        .with_context(|| format!("cannot bind {}", input.display()))
}
