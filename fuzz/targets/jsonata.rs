//! Any expression is refused, fails, or has a value within its limits.

#![no_main]

use std::borrow::Cow;

use jsonata::{Expression, Moment};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|source: &str| {
    let Ok(expression) = Expression::compile(source) else { return };
    let states = json!({ "input": { "a": [1, 2, { "b": "c" }], "t": "größe" }, "context": {} });
    let lookup = |name: &str, _: jsonata::Part<'_>| (name == "states").then(|| Cow::Owned(states.clone()));
    let _ = expression.evaluate(lookup, Moment { now: 0, seed: 1 });
});
