//! AWS's dialect: what was recorded on AWS, and what its documentation says.

use std::borrow::Cow;

use jsonata::{Expression, Moment};
use serde_json::{Value, json};

const MOMENT: Moment = Moment { now: 1_700_000_000_000, seed: 7 };

fn evaluate(source: &str, bindings: &Value) -> Result<Option<Value>, String> {
    let expression = Expression::compile(source).map_err(|error| error.to_string())?;
    let lookup =
        |name: &str, part: jsonata::Part<'_>| bindings.get(name).map(|value| Cow::Owned(part.of(value)));
    expression.evaluate(lookup, MOMENT).map_err(|error| error.to_string())
}

#[test]
fn every_case_of_the_dialect() {
    let text = include_str!("../../../fixtures/jsonata/aws.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    let mut failures = Vec::new();
    let mut run = 0;
    for case in &cases {
        // How the delimiters are read, and which parts of $states a field may read, is the definition's to say.
        let of_the_definition =
            case.get("raw_field_value").is_some() || case["id"].as_str().unwrap().starts_with("states/");
        if of_the_definition
            || case.get("field").is_some_and(|_| case["id"].as_str().unwrap().starts_with("type/Items"))
        {
            continue;
        }
        run += 1;
        let found = evaluate(case["expr"].as_str().unwrap(), &case["bindings"]);
        let right = if let Some(expected) = case.get("expect") {
            matches!(&found, Ok(Some(value)) if value == expected)
        } else if case.get("property").is_some() {
            matches!(&found, Ok(Some(Value::String(text))) if text.len() == 36)
                || matches!(&found, Ok(Some(value)) if value.as_f64().is_some_and(|n| (0.0..1.0).contains(&n)))
        } else {
            matches!(&found, Err(_) | Ok(None))
        };
        if !right {
            failures.push(format!("{}: {} gives {found:?}", case["id"], case["expr"]));
        }
    }
    assert!(run > 80, "the cases are there: {run}");
    assert!(failures.is_empty(), "{} of {run}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn free_variables_are_known() {
    let expression =
        Expression::compile("($a := 1; $sum([$a, $b, $states.input.c]) + $partition([1], 1)[0])").unwrap();
    assert_eq!(expression.variables(), ["b", "states"]);
}

#[test]
fn what_has_a_context_of_its_own_may_use_it() {
    for source in [
        r#"$replace($states.input.errors[0].message, '"', '')"#,
        "$map($states.input.a, function($v) { $v.b })",
        "$states.input.{ 'k': name }",
        "$states.input.a[b = 1].c^(d)",
    ] {
        assert!(Expression::compile(source).is_ok(), "{source}: {:?}", Expression::compile(source).err());
    }
    for source in ["a.b", "$", "$sum(a)", "[$$]", "$states.input ~> $merge(x)"] {
        assert!(Expression::compile(source).is_err(), "{source}");
    }
}

#[test]
fn the_same_seed_gives_the_same() {
    let source = "[$uuid(), $random(), $millis(), $shuffle([1, 2, 3])]";
    assert_eq!(evaluate(source, &json!({})), evaluate(source, &json!({})));
    assert_eq!(evaluate("$uuid() = $uuid()", &json!({})), Ok(Some(json!(false))));
}
