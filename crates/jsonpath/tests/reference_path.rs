//! Reference paths: what is one, and what setting does.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jsonpath::{ReferencePath, ReferencePathError};
use serde_json::{Value, json};

fn set(path: &str, mut document: Value) -> Result<Value, ReferencePathError> {
    ReferencePath::parse(path).unwrap().set(&mut document, json!("new"))?;
    Ok(document)
}

#[test]
fn names_and_indexes_only() {
    for path in
        ["$", "$.a", "$.a.b-c", "$['a b']", "$.a[0]", "$.a.['x y'][12].z", "$[\"q\"]", "$.größe", "$['a:b']"]
    {
        assert!(ReferencePath::parse(path).is_ok(), "{path}");
    }
    for path in [
        "",
        "a",
        "@.a",
        "$..a",
        "$.*",
        "$.a[*]",
        "$.a[-1]",
        "$.a[0,1]",
        "$.a[0:1]",
        "$.a[?(@.x)]",
        "$['a','b']",
        "$.a.length()",
        "$.a.",
        "$.@a",
        "$.a:b",
    ] {
        assert!(ReferencePath::parse(path).is_err(), "{path}");
    }
}

#[test]
fn setting_makes_missing_objects() {
    assert_eq!(set("$", json!({"a": 1})), Ok(json!("new")));
    assert_eq!(set("$.a", json!({"a": 1, "b": 2})), Ok(json!({"a": "new", "b": 2})));
    assert_eq!(set("$.x.y['z z']", json!({"a": 1})), Ok(json!({"a": 1, "x": {"y": {"z z": "new"}}})));
    assert_eq!(set("$.a.b", json!({"a": null})), Ok(json!({"a": {"b": "new"}})));
    assert_eq!(set("$.a[1]", json!({"a": [1, 2]})), Ok(json!({"a": [1, "new"]})));
}

#[test]
fn what_cannot_be_set_stays() {
    let not_an_object = |path: &str| Err(ReferencePathError::NotAnObject { path: path.to_owned() });
    assert_eq!(set("$.a.b", json!({"a": 5})), not_an_object("$['a']"));
    assert_eq!(set("$.a", json!([1])), not_an_object("$"));
    assert_eq!(
        set("$.a[0]", json!({})),
        Err(ReferencePathError::NotAnArray { path: String::from("$['a']") })
    );
    assert_eq!(
        set("$.a[2]", json!({"a": [1, 2]})),
        Err(ReferencePathError::OutOfBounds { path: String::from("$['a']"), index: 2, length: 2 })
    );
}
