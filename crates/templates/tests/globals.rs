//! What `Globals` says of APIs holds for those that events make, too.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{call, function, planned, sam};

/// The members of the call that makes the implicit REST API, or what is refused.
fn create(globals: &str) -> Result<Value, String> {
    let worker = function("Events: { Get: { Type: Api, Properties: { Path: /, Method: get } } }");
    let made = planned(&format!("{}Globals: {{ Api: {{ {globals} }} }}\n", sam(&worker)))?;
    Ok(call(&made, "CreateRestApi").members.clone())
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
    let refused = create("Odd: 1").unwrap_err();
    assert!(refused.contains("ServerlessRestApi.Properties.Odd"), "{refused}");
}
