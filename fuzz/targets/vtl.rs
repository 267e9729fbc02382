//! Any mapping template is refused, fails, or renders within its limits.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use vtl::{Context, Limits, Template};

fuzz_target!(|text: &str| {
    let Ok(template) = Template::parse(text) else { return };
    let limits = Limits { steps: 20_000, text: 100_000, values: 20_000, ..Limits::default() };
    let mut context = Context::new(limits);
    let value =
        context.heap.json(&json!({ "list": [1, "two", { "three": null }], "text": "größe 😀", "n": 1.5 }));
    if let Ok(value) = value {
        context.set("a", value);
    }
    let _ = template.render(&mut context);
});
