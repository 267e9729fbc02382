//! What tests of templates share: a template to the calls it makes, or to what is refused of it.
#![allow(dead_code, reason = "each test file takes the part it needs")]

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use templates::{Call, Plan, PseudoParameters, Template};

/// The stack `s` of the account of zeros in us-east-1.
pub fn pseudo() -> PseudoParameters {
    PseudoParameters {
        account: "000000000000".into(),
        region: "us-east-1".into(),
        stack: "s".into(),
        zones: |region| vec![format!("{region}a"), format!("{region}b")],
    }
}

/// The files that lie beside every template.
fn read(name: &str) -> Result<String, String> {
    match name {
        "spec.json" => Ok("{\"openapi\": \"3.0.1\", \"paths\": {\"/read\": {}}}".to_owned()),
        other => Err(format!("{other} is not there")),
    }
}

/// Every service but Systems Manager has an endpoint.
fn delegated(service: &str) -> bool {
    service != "ssm"
}

/// A template's plan, or what is refused of it.
pub fn plan(text: &str) -> Result<Plan, String> {
    let template = Template::parse(text).map_err(|refusals| refusals.to_string())?;
    template.plan(&pseudo(), &BTreeMap::new(), &read, &delegated).map_err(|refusals| refusals.to_string())
}

/// All calls that a template makes, or what is refused of it. What a call saves as `id` for a resource `A` is `A.id`.
pub fn planned(text: &str) -> Result<Vec<Call>, String> {
    let plan = plan(text)?;
    let mut known = plan.known.clone();
    let mut all = Vec::new();
    for step in &plan.steps {
        let calls = step.calls(&known).map_err(|refusals| refusals.to_string())?;
        let names = calls.iter().flat_map(|call| call.save.iter().map(|(name, _)| name.clone()));
        let saved: BTreeMap<_, _> =
            names.map(|name| (name.clone(), Value::from(format!("{}.{name}", step.logical_id)))).collect();
        step.made(&saved, &mut known).map_err(|refusals| refusals.to_string())?;
        all.extend(calls);
    }
    Ok(all)
}

/// All calls of a template that is not refused.
pub fn calls(text: &str) -> Vec<Call> {
    planned(text).expect("the template is planned")
}

/// The first call of an operation.
pub fn call<'c>(calls: &'c [Call], operation: &str) -> &'c Call {
    calls.iter().find(|call| call.operation == operation).unwrap_or_else(|| panic!("no {operation}"))
}

/// The document that a REST API is made of.
pub fn rest_body(calls: &[Call]) -> Value {
    serde_json::from_str(call(calls, "PutRestApi").body.as_ref().expect("a document")).expect("JSON")
}

/// The document that an HTTP API is made of.
pub fn http_body(calls: &[Call]) -> Value {
    serde_json::from_str(call(calls, "ReimportApi").members["Body"].as_str().expect("a document"))
        .expect("JSON")
}

/// The resources of a template behind its transform, as its plan has them, or what is refused.
pub fn resources(text: &str) -> Result<Map<String, Value>, String> {
    let template = Template::parse(text).map_err(|refusals| refusals.to_string())?;
    let made = template.transformed(&pseudo(), &BTreeMap::new()).map_err(|refusals| refusals.to_string())?;
    if made.refusals.0.is_empty() { Ok(made.resources) } else { Err(made.refusals.to_string()) }
}

/// A SAM template of resources, the first of which is named at the text's beginning.
pub fn sam(resources: &str) -> String {
    format!("Transform: AWS::Serverless-2016-10-31\nResources:\n  {resources}")
}

/// The function `F` with properties beside its code.
pub fn function(properties: &str) -> String {
    format!(
        "F:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      {properties}
"
    )
}

/// That a template is refused, and where.
pub fn refused(text: &str, place: &str) {
    let found = planned(text).expect_err(&format!("{place} is refused in {text}"));
    assert!(found.contains(&format!("{place}: ")), "{place}: {found}");
}
