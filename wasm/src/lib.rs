//! netpolicy for JavaScript: the bindings of the npm package `netpolicy`, and
//! nothing but them.
//!
//! What JavaScript sees is typed by hand, in `types.ts`; the declarations that
//! wasm-bindgen writes name those types.

mod convert;
mod endpoint;
mod image;
mod manifest;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");
