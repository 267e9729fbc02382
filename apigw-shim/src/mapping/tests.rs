//! Templates as recorded on AWS: `fixtures/vtl/apigateway.json`.

use serde_json::{Map, Value, json};
use vtl::Template;

use super::{Data, Overrides, render};
use crate::rest_api::record::Texts;

fn pairs(value: &Value) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn run(case: &Value, template: &str, overrides: Overrides) -> Result<(String, Overrides), String> {
    let params = &case["input"]["params"];
    let variables: Texts = pairs(&case["stageVariables"]).into_iter().collect();
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    let data = Data {
        body: case["input"]["body"].as_str().unwrap_or_default(),
        path: &pairs(&params["path"]),
        query: &pairs(&params["querystring"]),
        headers: &|| pairs(&params["header"]),
        context: &|| case["context"].as_object().cloned().unwrap_or_else(Map::new),
        variables: Some(&variables),
        overrides,
    };
    render(&template, data).map_err(|error| error.to_string())
}

/// Whether all of `part` is in `whole`.
fn is_subset(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|other| is_subset(value, other)))
        }
        _ => part == whole,
    }
}

/// JSON texts within JSON, parsed too.
fn parsed(value: Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text).map_or(Value::String(text), parsed),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, parsed(value))).collect(),
        Value::Array(elements) => elements.into_iter().map(parsed).collect(),
        other => other,
    }
}

fn check(case: &Value) -> Result<(), String> {
    let mut overrides = Overrides::default();
    for before in case["before"].as_array().into_iter().flatten() {
        overrides = run(case, before.as_str().unwrap(), overrides)?.1;
    }
    let (text, overrides) = run(case, case["template"].as_str().unwrap(), overrides)?;
    let json = || serde_json::from_str::<Value>(&text).map_err(|error| format!("{error} in {text}"));
    let expected = &case["expected_json"];
    let same = match case["compare"].as_str().unwrap() {
        "exact" => case["expected"] == text,
        "json" => *expected == json()?,
        "json_subset" => is_subset(expected, &json()?),
        "json_with_json_string" => parsed(expected.clone()) == parsed(json()?),
        other => return Err(format!("no comparison {other}")),
    };
    if !same {
        return Err(format!("gives {text}, not {}{expected}", case["expected"]));
    }
    let context = json!({"requestOverride": overrides.request, "responseOverride": overrides.response});
    let expected = &case["expected_context"];
    if expected.is_null() || is_subset(expected, &context) {
        Ok(())
    } else {
        Err(format!("leaves {context}"))
    }
}

#[test]
fn templates_render_as_recorded_on_aws() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../fixtures/vtl/apigateway.json")).unwrap();
    assert_eq!(cases.len(), 29);
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| check(case).err().map(|error| format!("{}: {error}", case["id"])))
        .collect();
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// The 143 outputs recorded through `$util.parseJson`, with the whole prefix that ran on AWS.
#[test]
fn recorded_templates_render_behind_their_prefix() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../fixtures/vtl/aws.json")).unwrap();
    let mut failures = Vec::new();
    for case in cases.iter().filter(|case| case["compare"] == "exact") {
        let input = json!({"input": {"body": case["body"]}});
        let prepare = "#set($context.requestOverride.path.body = $input.body)";
        let overrides = run(&input, prepare, Overrides::default()).unwrap().1;
        let template = format!("{}{}", case["prefix"].as_str().unwrap(), case["template"].as_str().unwrap());
        let got = run(&input, &template, overrides).map(|(text, _)| text);
        // What stands between the prefix's directives is printed as well.
        if !got
            .as_ref()
            .is_ok_and(|got| got.trim_start().ends_with(case["expected"].as_str().unwrap().trim_start()))
        {
            failures.push(format!("{}: {got:?}, not {}", case["id"], case["expected"]));
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}
