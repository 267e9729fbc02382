//! The official suite of the language, as a gate. `fixtures/jsonata/misses.json` lists every case that is not passed, with
//! its reason, and is exact: a case that is listed and passes fails the test too.

use std::collections::BTreeMap;

use jsonata::{CompileError, Moment, Program};
use serde_json::{Map, Value};

const MOMENT: Moment = Moment { now: 1_700_000_000_000, seed: 7 };

/// The errors by which limits show: ours, and those of the suite's own runner.
const LIMITS: &[&str] = &["D1011", "D1012", "U1001", "U1006"];

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../fixtures/jsonata/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    serde_json::from_str(&text).expect("it is JSON")
}

fn run(case: &Value, datasets: &Value) -> Result<Option<Value>, String> {
    let source = case["expr"].as_str().ok_or("its text is no Unicode")?;
    let input = match case.get("dataset").and_then(Value::as_str) {
        Some(name) => Some(&datasets[name]),
        None => case.get("data"),
    };
    let empty = Map::new();
    let variables = case.get("bindings").and_then(Value::as_object).unwrap_or(&empty);
    let program = Program::compile(source).map_err(|error| match error {
        CompileError::Syntax { code, .. } => code,
        CompileError::NotAllowed(message) => message,
    })?;
    program.evaluate(input, variables, MOMENT).map_err(|error| error.code)
}

/// Numbers are equal by value: 1 is 1.0.
fn equal(left: &Value, right: &Value, unordered: bool) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) if unordered => {
            left.len() == right.len() && left.iter().all(|item| right.iter().any(|it| equal(item, it, false)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right, false))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, it)| right.get(name).is_some_and(|right| equal(it, right, false)))
        }
        _ => left == right,
    }
}

fn passes(case: &Value, found: &Result<Option<Value>, String>) -> bool {
    let code = case.get("code").or_else(|| case.get("error").and_then(|error| error.get("code")));
    match (found, code.and_then(Value::as_str)) {
        (Err(found), Some("U1001")) => LIMITS.contains(&found.as_str()),
        (Err(found), Some(code)) => found == code,
        (Ok(found), None) => match (found, case.get("result")) {
            (Some(found), Some(expected)) => equal(found, expected, case.get("unordered").is_some()),
            (None, None) => case.get("undefinedResult").is_some(),
            _ => false,
        },
        (Ok(_), Some(_)) | (Err(_), None) => false,
    }
}

#[test]
fn the_official_suite_passes_but_for_what_is_listed() {
    let (cases, datasets, listed) = (fixture("suite.json"), fixture("datasets.json"), fixture("misses.json"));
    let cases = cases.as_array().unwrap();
    let mut missed = BTreeMap::new();
    for case in cases {
        let found = run(case, &datasets);
        if !passes(case, &found) {
            let name = format!("{}/{}", case["group"].as_str().unwrap(), case["case"].as_str().unwrap());
            missed.insert(name, format!("{found:?}").chars().take(200).collect::<String>());
        }
    }
    let listed: Vec<&String> = listed.as_object().unwrap().keys().collect();
    let unlisted: Vec<_> = missed.iter().filter(|(name, _)| !listed.contains(name)).collect();
    let passing: Vec<_> = listed.iter().filter(|name| !missed.contains_key(**name)).collect();
    assert_eq!(cases.len(), 1_686, "the suite is whole");
    assert!(unlisted.is_empty(), "not listed in misses.json: {unlisted:#?}");
    assert!(passing.is_empty(), "listed in misses.json, and passing: {passing:?}");
    assert!(missed.len() * 100 <= cases.len(), "99 of 100 must pass, {} do not", missed.len());
}
