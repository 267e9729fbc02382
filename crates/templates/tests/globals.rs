//! What `Globals` says of APIs holds for those that events make, too.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use templates::{PseudoParameters, Template};

/// The members of the call that makes the implicit REST API, or what is refused.
fn create(globals: &str) -> Result<Value, String> {
    let text = format!(
        "Transform: AWS::Serverless-2016-10-31
Globals:
  Api:
    {globals}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: x
      Events:
        Get:
          Type: Api
          Properties: {{ Path: /, Method: get }}
"
    );
    let template = Template::parse(&text).map_err(|refused| refused.to_string())?;
    let pseudo =
        PseudoParameters { account: "000000000000".into(), region: "us-east-1".into(), stack: "s".into() };
    let plan = template
        .plan(&pseudo, &BTreeMap::new(), &|_| Err(String::new()))
        .map_err(|refused| refused.to_string())?;
    let mut known = plan.known.clone();
    for step in &plan.steps {
        let calls = step.calls(&known).map_err(|refused| refused.to_string())?;
        if let Some(call) = calls.iter().find(|call| call.operation == "CreateRestApi") {
            return Ok(call.members.clone());
        }
        let names = calls.iter().flat_map(|call| call.save.iter().map(|(name, _)| name.clone()));
        let saved: BTreeMap<_, _> = names.map(|name| (name, Value::from("saved"))).collect();
        step.made(&saved, &mut known).map_err(|refused| refused.to_string())?;
    }
    panic!("the plan makes no API");
}

#[test]
fn binary_media_types_of_all_apis_are_those_of_the_implicit_one() {
    let made = create("BinaryMediaTypes: [image~1png, application/zip]").unwrap();
    assert_eq!(made["binaryMediaTypes"], json!(["image/png", "application/zip"]));
}

#[test]
fn what_is_not_applied_is_refused_there_too() {
    let refused = create("Domain: { DomainName: api.example }").unwrap_err();
    assert!(refused.contains("ServerlessRestApi.Properties.Domain"), "{refused}");
}
