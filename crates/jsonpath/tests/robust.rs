//! No path and no document makes the crate panic, hang or overflow the stack.

use jsonpath::{JsonPath, ReferencePath};
use proptest::prelude::*;
use serde_json::{Value, json};

fn document() -> Value {
    json!({
        "a": [{"x": 1, "y": "p"}, {"x": 2, "y": null}, [1, [2, [3]]], "text", 1.5],
        "b": {"c": {"d": 5, "list": ["$.a", "[1]", "'q'", {"deep": true}]}, "k-1": "dash"},
        "n": null, "e": [], "s": "str", "größe": {"ß": "\u{1F600}"}
    })
}

fn run(path: &str, document: &Value) {
    if let Ok(parsed) = JsonPath::parse(path) {
        let _ = parsed.evaluate(document);
        let _ = parsed.matches(document);
        let _ = (parsed.is_definite(), parsed.normalized());
    }
    if let Ok(reference) = ReferencePath::parse(path) {
        let mut changed = document.clone();
        if reference.set(&mut changed, json!("new")).is_ok() {
            assert_eq!(reference.get(&changed), Some(&json!("new")), "{path}");
        } else {
            assert_eq!(&changed, document, "{path}");
        }
    }
}

/// Texts that look like paths more often than not.
fn path_like() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("$"),
        Just("@"),
        Just("."),
        Just(".."),
        Just("*"),
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("?("),
        Just("[?("),
        Just(")]"),
        Just("a"),
        Just("b.c"),
        Just("x"),
        Just("'x'"),
        Just("\"y\""),
        Just("'"),
        Just("\\"),
        Just("\\u00"),
        Just(","),
        Just(":"),
        Just("0"),
        Just("-1"),
        Just("99999999999"),
        Just(" "),
        Just("=="),
        Just("=~"),
        Just("/a/i"),
        Just("/"),
        Just("!"),
        Just("&&"),
        Just("||"),
        Just(" in "),
        Just(" contains "),
        Just(" size "),
        Just(" empty true"),
        Just("[1,2]"),
        Just("{'k':"),
        Just("null"),
        Just("true"),
        Just("1e5"),
        Just(".length()"),
        Just(".sum("),
        Just(".concat($.s,"),
        Just(".keys()"),
        Just(".append(1)"),
        Just("ß"),
        Just("\u{1F600}"),
        Just("[*]"),
        Just("[0:2]"),
        Just("[-1:]"),
    ];
    proptest::collection::vec(part, 0..14).prop_map(|parts| format!("${}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_a_path_or_an_error(path in "\\PC{0,40}") {
        run(&path, &document());
    }

    #[test]
    fn anything_like_a_path_is_a_path_or_an_error(path in path_like()) {
        run(&path, &document());
    }
}

#[test]
fn nesting_is_limited() {
    let document = document();
    for (open, close) in
        [("[?(@", ")]"), ("[?((", "))]"), ("[?(!", ")]"), (".sum($", ")"), (".length()", ""), ("..a", "")]
    {
        run(&format!("${}{}", open.repeat(5_000), close.repeat(5_000)), &document);
    }
    run(&format!("$.a[?(@ in {}{})]", "[".repeat(20_000), "]".repeat(20_000)), &document);
    run(&format!("$.a[?({}@.x{})]", "(".repeat(20_000), ")".repeat(20_000)), &document);
    run(&".".repeat(100_000), &document);
}

#[test]
fn work_is_limited() {
    let mut tree = json!(1);
    for _ in 0..12 {
        tree = json!({"x": tree.clone(), "y": tree});
    }
    let path = JsonPath::parse(&format!("${}", "..*".repeat(12))).unwrap();
    assert_eq!(path.evaluate(&tree).unwrap_err().kind(), "JsonPathException");
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep, {"a": 1}]);
    }
    run("$..[?(@..[?(@..[?(@..a)])])]", &deep);
}

#[test]
fn regular_expressions_are_limited() {
    let document = json!(["a".repeat(40)]);
    let path = JsonPath::parse("$[?(@ =~ /(a|a|(?=a)a)*(?<!a)b/)]").unwrap();
    assert_eq!(path.evaluate(&document).unwrap().into_owned(), json!([]));
}
