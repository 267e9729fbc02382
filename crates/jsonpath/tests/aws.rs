//! Where AWS reads more than Jayway's newest version does.

use jsonpath::JsonPath;
use serde_json::json;

#[test]
fn words_without_quotes_are_texts() {
    let document = json!([{ "code": "es", "n": 1 }, { "code": "fr", "n": 2 }, { "code": "e5", "n": 3 }]);
    for (path, expected) in [
        ("$[?(@.code==es)].n", json!([1])),
        ("$[?(@.code == fr)].n", json!([2])),
        ("$[?(@.code==es || @.code==fr)].n", json!([1, 2])),
        ("$[?(@.code!=es&&@.n>2)].n", json!([3])),
        ("$[?(@.n==true)].n", json!([])),
        ("$[?(@.n==1)].code", json!(["es"])),
    ] {
        let found = JsonPath::parse(path).unwrap();
        assert_eq!(*found.evaluate(&document).unwrap(), expected, "{path}");
    }
    for path in ["$[?(@.code==es fr)]", "$[?(@.code==e$)]", "$[?(@.code==)]"] {
        assert!(JsonPath::parse(path).is_err(), "{path}");
    }
}

#[test]
fn names_in_brackets_have_escapes() {
    let document = json!({ "a\\b": 1, "a\"b": 2, "a'b": 3, "a\\\"b": 4 });
    for (path, expected) in [
        (r"$['a\\b']", 1),
        (r#"$["a\"b"]"#, 2),
        (r#"$["a\\b"]"#, 1),
        (r"$['a\'b']", 3),
        (r#"$["a\\\"b"]"#, 4),
    ] {
        assert_eq!(*JsonPath::parse(path).unwrap().evaluate(&document).unwrap(), json!(expected), "{path}");
    }
}
