//! Any path over any document: `path`, a line end, `document`.

#![no_main]

use jsonpath::{JsonPath, ReferencePath};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let (path, document) = text.split_once('\n').unwrap_or((text, ""));
    let document: Value = serde_json::from_str(document)
        .unwrap_or_else(|_| json!({ "a": [1, 2.5, { "b": "c", "n": null }], "t": "größe", "e": {} }));
    if let Ok(path) = JsonPath::parse(path) {
        let _ = path.evaluate(&document);
        let _ = path.matches(&document);
        let _ = path.normalized();
    }
    let _ = ReferencePath::parse(path);
});
