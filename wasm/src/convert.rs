//! Values from and to JavaScript.

use js_sys::Object;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// What a function throws: an `Error`.
pub(crate) type Thrown = JsValue;

/// An `Error` with this message.
pub(crate) fn error(message: impl ToString) -> Thrown {
    js_sys::Error::new(&message.to_string()).into()
}

/// A value as plain objects, arrays, strings and numbers.
pub(crate) fn to_js(value: &impl Serialize) -> Result<JsValue, Thrown> {
    value
        .serialize(&Serializer::json_compatible())
        .map_err(Into::into)
}

/// A value out of a plain object that has no other fields than these; errors name it
/// `what`.
pub(crate) fn from_js<T: DeserializeOwned>(
    value: JsValue,
    what: &str,
    fields: &[&str],
) -> Result<T, Thrown> {
    // A field that is misspelt would otherwise count as left out.
    let keys = value
        .dyn_ref::<Object>()
        .map(Object::keys)
        .unwrap_or_default();
    for key in keys.iter() {
        let key = key.as_string().unwrap_or_default();
        if !fields.contains(&&*key) {
            let known = fields.join(", ");
            return Err(error(format!(
                "{what}: unknown field {key:?}, expected one of {known}"
            )));
        }
    }
    map_from_js(value, what)
}

/// A value out of an object with any keys, or out of anything else.
pub(crate) fn map_from_js<T: DeserializeOwned>(value: JsValue, what: &str) -> Result<T, Thrown> {
    serde_wasm_bindgen::from_value(value).map_err(|mistake| error(format!("{what}: {mistake}")))
}

#[wasm_bindgen]
extern "C" {
    /// `from` and `to` of a question, and its protocol and port.
    #[wasm_bindgen(typescript_type = "Question")]
    pub type Question;
    #[wasm_bindgen(typescript_type = "readonly Manifest[]")]
    pub type Manifests;
    #[wasm_bindgen(typescript_type = "Options")]
    pub type OptionsObject;
    #[wasm_bindgen(typescript_type = "Record<string, readonly string[]>")]
    pub type DomainNames;
    #[wasm_bindgen(typescript_type = "Record<string, number>")]
    pub type SkippedKinds;
    #[wasm_bindgen(typescript_type = "Pod[]")]
    pub type Pods;
    #[wasm_bindgen(typescript_type = "Verdict")]
    pub type VerdictObject;
    #[wasm_bindgen(typescript_type = "Explanation[]")]
    pub type Explanations;
    #[wasm_bindgen(typescript_type = "Diagnostic[]")]
    pub type Diagnostics;
    #[wasm_bindgen(typescript_type = "PodInfo[]")]
    pub type PodInfos;
    #[wasm_bindgen(typescript_type = "Reachability")]
    pub type ReachabilityObject;
    #[wasm_bindgen(typescript_type = "Difference")]
    pub type DifferenceObject;
    #[wasm_bindgen(typescript_type = "PolicyInfo[]")]
    pub type Policies;
}
