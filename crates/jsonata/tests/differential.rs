//! Two engines, the same answers: every expression of the official suite, on every document of it, so a hundred thousand
//! pairs that no author of a case thought of. The second engine is `jsonata-core`, only for this test.

use std::collections::BTreeMap;

use jsonata::{Moment, Program};
use jsonata_core::{evaluator::Evaluator, parser, value::JValue};
use serde_json::{Map, Value};

const MOMENT: Moment = Moment { now: 1_700_000_000_000, seed: 7 };

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../fixtures/jsonata/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Values as far as both engines show them: numbers to twelve digits, undefined and null apart where they are told apart.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{:.11e}", number.as_f64().unwrap_or_default()),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| format!("{name:?}:{}", shown(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

fn ours(program: &Program, input: &Value) -> String {
    match program.evaluate(Some(input), &Map::new(), MOMENT) {
        Ok(Some(value)) => shown(&value),
        Ok(None) => String::from("undefined"),
        Err(_) => String::from("an error"),
    }
}

fn theirs(ast: &jsonata_core::ast::AstNode, input: &JValue) -> String {
    match Evaluator::new().evaluate(ast, input) {
        Ok(value) if value.is_undefined() => String::from("undefined"),
        Ok(value) => match value.to_json_string().ok().and_then(|text| serde_json::from_str(&text).ok()) {
            Some(value) => shown(&value),
            None => String::from("unprintable"),
        },
        Err(_) => String::from("an error"),
    }
}

/// What is not the same in two runs, or takes long on purpose.
fn is_left_out(case: &Value, source: &str) -> bool {
    let draws = ["$now", "$millis", "$random", "$shuffle", "$eval"];
    draws.iter().any(|name| source.contains(name))
        || case.get("timelimit").is_some()
        || case["group"] == "performance"
        || case.get("bindings").and_then(Value::as_object).is_some_and(|bindings| !bindings.is_empty())
}

#[test]
fn both_engines_answer_the_same() {
    let (cases, datasets) = (fixture("suite.json"), fixture("datasets.json"));
    let inputs: Vec<(&String, &Value, JValue)> = datasets
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name, value, JValue::from_json_str(&value.to_string()).unwrap()))
        .collect();
    let mut differing: BTreeMap<String, String> = BTreeMap::new();
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let Some(source) = case["expr"].as_str().filter(|source| !is_left_out(case, source)) else {
            continue;
        };
        let (Ok(program), Ok(ast)) = (Program::compile(source), parser::parse(source)) else { continue };
        let name = format!("{}/{}", case["group"].as_str().unwrap(), case["case"].as_str().unwrap());
        for (dataset, input, theirs_input) in &inputs {
            compared += 1;
            let (ours, theirs) = (ours(&program, input), theirs(&ast, theirs_input));
            if ours != theirs {
                let cut = |text: &str| text.chars().take(150).collect::<String>();
                differing
                    .entry(name.clone())
                    .or_insert_with(|| format!("{source} on {dataset}: {} / {}", cut(&ours), cut(&theirs)));
            }
        }
    }
    let listed = fixture("engines-differ.json");
    let listed: Vec<&String> = listed.as_object().unwrap().keys().collect();
    let unlisted: Vec<_> = differing.iter().filter(|(name, _)| !listed.contains(name)).collect();
    let same: Vec<_> = listed.iter().filter(|name| !differing.contains_key(**name)).collect();
    assert!(compared > 40_000, "{compared} pairs");
    assert!(unlisted.is_empty(), "not listed in engines-differ.json: {unlisted:#?}");
    assert!(same.is_empty(), "listed in engines-differ.json, and the same: {same:?}");
}
