//! netpolicy for JavaScript: the bindings of the npm package `netpolicy`, and
//! nothing but them.
//!
//! What JavaScript sees is typed by hand, in `types.ts`; the declarations that
//! wasm-bindgen writes name those types.
#![allow(
    clippy::needless_pass_by_value,
    reason = "what JavaScript hands over is owned here"
)]
// What wasm-bindgen exports is public to JavaScript.
#![allow(unreachable_pub)]

mod convert;
mod endpoint;
mod image;
mod manifest;
mod reach;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.ts");
