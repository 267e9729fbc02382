//! Recorded outputs: `fixtures/vtl`, of API Gateway itself and of Velocity's own tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use vtl::{Context, Heap, Key, Template};

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn render(case: &Value, to_value: fn(&mut Heap, &Value) -> vtl::Value) -> Result<String, String> {
    let mut context = Context::default();
    for (name, value) in case["context"].as_object().unwrap() {
        let value = to_value(&mut context.heap, value);
        context.set(name, value);
    }
    let template = Template::parse(case["template"].as_str().unwrap()).map_err(|error| error.to_string())?;
    template.render(&mut context).map_err(|error| error.to_string())
}

/// On API Gateway variables came out of JSON.
fn json(heap: &mut Heap, value: &Value) -> vtl::Value {
    heap.json(value).unwrap()
}

/// Velocity's tests had lists of Java's own, which print otherwise.
fn java(heap: &mut Heap, value: &Value) -> vtl::Value {
    match value {
        Value::Array(elements) => {
            let items = elements.iter().map(|element| java(heap, element)).collect();
            heap.list(items).unwrap()
        }
        Value::Object(members) => {
            let entries: Vec<_> =
                members.iter().map(|(name, value)| (Key::from(name.as_str()), java(heap, value))).collect();
            heap.map(entries).unwrap()
        }
        other => heap.json(other).unwrap(),
    }
}

fn normalized(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn everything_recorded_on_api_gateway_renders_the_same() {
    let cases = cases(include_str!("../../../fixtures/vtl/aws.json"));
    assert_eq!(cases.len(), 143);
    let mut failures = Vec::new();
    for case in &cases {
        let got = render(case, json);
        let same = match (&got, case["compare"].as_str().unwrap()) {
            (Ok(got), "exact") => case["expected"] == *got,
            (Ok(got), "json") => {
                serde_json::from_str::<Value>(got).is_ok_and(|got| got == case["expected_json"])
            }
            (Ok(got), "normalize_whitespace") => {
                normalized(got) == normalized(case["expected"].as_str().unwrap())
            }
            _ => false,
        };
        if !same {
            failures.push(format!(
                "{}: {:?} gives {got:?}, not {}",
                case["id"], case["template"], case["expected"]
            ));
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

/// Cases of Velocity's own tests that API Gateway is recorded, or documented in the README beside the data, to render
/// otherwise: they print, test, compare or set an undefined reference.
const UNDEFINED_REFERENCES: &[&str] = &[
    "templates/block",
    "templates/foreach-null-list",
    "templates/if",
    "templates/ifstatement",
    "templates/logical2",
    "templates/map",
    "templates/pedantic",
    "templates/quotes",
    "templates/comment",
    "DefineTestCase.testRecursionLimit@93",
    "GetAsTestCase.testCustomBoolean@52",
    "IfEmptyNoEmptyCheckTestCase.assertEmpty@46",
    "IfNullTestCase.testIfValue@71",
    "IfNullTestCase.testIfValue@72",
    "IfNullTestCase.testIfValue@73",
    "IfNullTestCase.testIfValue@74",
    "IfNullTestCase.testIfAnd@79",
    "IfNullTestCase.testIfAnd@80",
    "IfNullTestCase.testIfAnd@81",
    "IfNullTestCase.testIfAnd@82",
    "IfNullTestCase.testIfOr@87",
    "IfNullTestCase.testIfOr@88",
    "IndexTestCase.testCallingIndex@89",
    "IndexTestCase.testCallingIndex@96",
    "ScopeTestCase.testTurningOffDefineScope@270",
    "Velocity579TestCase.testPublicMethodInPrivateImplOfPublicInterface@39",
    "Velocity631TestCase.test631@44",
    "Velocity631TestCase.test631@45",
    "Velocity631TestCase.test631@46",
    "Velocity631TestCase.test631@47",
    "UberspectImplTestCase.testOverloadedMethods@131",
];

#[test]
fn velocitys_own_tests_render_the_same_where_api_gateway_does() {
    let cases = cases(include_str!("../../../fixtures/vtl/velocity.json"));
    assert_eq!(cases.len(), 155);
    let (mut run, mut failures) = (0, Vec::new());
    for case in &cases {
        let tags: Vec<&str> = case["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let id = case["id"].as_str().unwrap();
        if tags.iter().any(|tag| ["macro", "evaluate", "parse"].contains(tag))
            || UNDEFINED_REFERENCES.contains(&id)
        {
            continue;
        }
        let expected = match case.get("velocity_1_7_output") {
            None => Some(&case["expected"]),
            Some(Value::Null) => None,
            Some(output) => Some(output),
        };
        run += 1;
        let got = render(case, java);
        let same = match (&got, expected) {
            (Ok(got), Some(expected)) => expected == got,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            failures.push(format!("{id}: {}\n  gives {got:?}\n  not   {expected:?}", case["template"]));
        }
    }
    assert_eq!(run, 86);
    assert!(failures.is_empty(), "{} of {run} differ:\n{}", failures.len(), failures.join("\n"));
}
