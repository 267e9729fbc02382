//! Patterns of the documentation ("Comparison operators for use in event patterns"), with events.

use serde_json::{Value, json};

use super::*;

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "patterns are written where they are used")]
fn check(pattern: Value, matching: &[Value], others: &[Value]) {
    let compiled = Pattern::of(&pattern).unwrap();
    for event in matching {
        assert!(compiled.matches(event), "{pattern} takes {event}");
    }
    for event in others {
        assert!(!compiled.matches(event), "{pattern} does not take {event}");
    }
}

#[test]
fn values_are_compared() {
    check(
        json!({ "source": ["a", "b"], "detail": { "n": [3, null], "t": ["x"] } }),
        &[
            json!({ "source": "b", "detail": { "n": 3.0, "t": ["w", "x"] } }),
            json!({ "source": "a", "detail": { "n": null, "t": "x" } }),
        ],
        &[
            json!({ "source": "c", "detail": { "n": 3, "t": "x" } }),
            json!({ "source": "a", "detail": { "n": "3", "t": "x" } }),
            json!({ "source": "a" }),
        ],
    );
}

#[test]
fn texts_have_beginnings_ends_and_cases() {
    check(
        json!({ "a": [{ "prefix": "eu-" }] }),
        &[json!({ "a": "eu-1" })],
        &[json!({ "a": "us-eu-" }), json!({ "a": 1 })],
    );
    check(json!({ "a": [{ "suffix": ".PNG" }] }), &[json!({ "a": "x.PNG" })], &[json!({ "a": "x.png" })]);
    check(
        json!({ "a": [{ "suffix": { "equals-ignore-case": ".PNG" } }] }),
        &[json!({ "a": "x.png" })],
        &[json!({ "a": "png" })],
    );
    check(
        json!({ "a": [{ "equals-ignore-case": "Alice" }] }),
        &[json!({ "a": "aLICE" })],
        &[json!({ "a": "Alic" })],
    );
    check(
        json!({ "a": [{ "wildcard": "dir/*.p*g" }, { "wildcard": "\\*x" }] }),
        &[json!({ "a": "dir/a/b.png" }), json!({ "a": "dir/.pg" }), json!({ "a": "*x" })],
        &[json!({ "a": "dir/a.gif" }), json!({ "a": "ax" })],
    );
}

#[test]
fn anything_but_needs_a_value() {
    check(
        json!({ "a": [{ "anything-but": ["x", 1] }] }),
        &[json!({ "a": "y" }), json!({ "a": 2 }), json!({ "a": ["x", "y"] })],
        &[json!({ "a": "x" }), json!({ "a": 1.0 }), json!({})],
    );
    check(
        json!({ "a": [{ "anything-but": { "prefix": ["init", "re"] } }] }),
        &[json!({ "a": "done" })],
        &[json!({ "a": "initial" }), json!({ "a": "reset" })],
    );
}

#[test]
fn numbers_existence_addresses_and_alternatives() {
    check(
        json!({ "a": [{ "numeric": [">", 0, "<=", 5] }] }),
        &[json!({ "a": 5 }), json!({ "a": 0.1 })],
        &[json!({ "a": 0 }), json!({ "a": "3" })],
    );
    check(
        json!({ "a": { "b": [{ "exists": false }] } }),
        &[json!({ "a": {} }), json!({})],
        &[json!({ "a": { "b": null } })],
    );
    check(
        json!({ "a": [{ "exists": true }] }),
        &[json!({ "a": null })],
        &[json!({ "a": { "b": 1 } }), json!({})],
    );
    check(
        json!({ "a": [{ "cidr": "10.0.0.0/24" }] }),
        &[json!({ "a": "10.0.0.255" })],
        &[json!({ "a": "10.0.1.1" }), json!({ "a": "x" })],
    );
    check(
        json!({ "s": ["a"], "$or": [{ "m": ["CPU"] }, { "n": [{ "numeric": [">", 1] }] }] }),
        &[json!({ "s": "a", "m": "CPU" }), json!({ "s": "a", "n": 2 })],
        &[json!({ "s": "a", "m": "IO", "n": 1 }), json!({ "s": "b", "m": "CPU" })],
    );
    check(
        json!({ "l": { "k": ["v"] } }),
        &[json!({ "l": [{ "k": "w" }, { "k": "v" }] })],
        &[json!({ "l": [{ "k": "w" }] })],
    );
}

#[test]
fn what_is_no_pattern_is_refused() {
    for text in [
        "",
        "[]",
        "{}",
        r#"{"a": "b"}"#,
        r#"{"a": []}"#,
        r#"{"a": {}}"#,
        r#"{"a": [{"prefix": 1}]}"#,
        r#"{"a": [{"like": "x"}]}"#,
        r#"{"a": [{"numeric": ["~", 1]}]}"#,
        r#"{"a": [{"numeric": [">"]}]}"#,
        r#"{"a": [{"cidr": "10.0.0.0/33"}]}"#,
        r#"{"a": [{"wildcard": "a**b"}]}"#,
        r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#,
        r#"{"a": [["b"]]}"#,
    ] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
    let deep = format!("{}[1]{}", "{\"a\":".repeat(100), "}".repeat(100));
    assert!(Pattern::parse(&deep).is_err());
}

#[test]
fn wildcards_take_no_longer_than_both_lengths() {
    let pattern = Pattern::of(&json!({ "a": [{ "wildcard": "*a*a*a*a*a*a*a*a*a*b" }] })).unwrap();
    assert!(!pattern.matches(&json!({ "a": "a".repeat(20_000) })));
}
