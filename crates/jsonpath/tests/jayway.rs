//! Jayway's own answers: `fixtures/jsonpath`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use jsonpath::JsonPath;
use serde_json::{Map, Value};

const GOLDEN: &str = include_str!("../../../fixtures/jsonpath/jayway.json");

#[test]
fn every_recorded_path_answers_as_jayway_does() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let documents = golden["documents"].as_object().unwrap();
    let cases = golden["cases"].as_array().unwrap();
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case, documents).err()).collect();
    assert_eq!(cases.len(), 347);
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn check(case: &Value, documents: &Map<String, Value>) -> Result<(), String> {
    let text = case["path"].as_str().unwrap();
    let document = &documents[case["doc"].as_str().unwrap()];
    let differs = |what: &str, got: &dyn std::fmt::Debug, want: &Value| {
        Err(format!("{text}: {what}: {got:?}, not {want}"))
    };
    let error = &case["error"];
    let path = match JsonPath::parse(text) {
        Ok(path) => path,
        Err(parse) if error["stage"] == "compile" && error["kind"] == parse.kind() => {
            return if error["message"] == parse.message() {
                Ok(())
            } else {
                differs("message", &parse, error)
            };
        }
        Err(parse) => return differs("compile", &parse, case),
    };
    if error["stage"] == "compile" {
        return differs("compile", &path.normalized(), error);
    }
    if case["definite"] != path.is_definite() {
        return differs("definite", &path.is_definite(), &case["definite"]);
    }
    if case["normalized"] != path.normalized() {
        return differs("normalized", &path.normalized(), &case["normalized"]);
    }
    match path.evaluate(document) {
        Ok(value) if !error.is_null() => return differs("value", &value, error),
        Ok(value) if !same(&value, &case["result"]) => {
            return differs("value", &value.to_string(), &case["result"]);
        }
        Err(got) if error["kind"] != got.kind() || error["message"] != got.message() => {
            return differs("error", &got, error);
        }
        _ => {}
    }
    if let Some(paths) = case["paths"].as_array() {
        let got: Vec<String> = path.matches(document).unwrap().into_iter().map(|found| found.path).collect();
        if !path.is_function() && paths != &got {
            return differs("paths", &got, &case["paths"]);
        }
    }
    Ok(())
}

/// Deep equality in which 10.0 equals 10.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|right| same(value, right)))
        }
        _ => left == right,
    }
}
