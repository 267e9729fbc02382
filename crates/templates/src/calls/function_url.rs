//! `AWS::Lambda::Url` and `AWS::Lambda::EventInvokeConfig`.

use serde_json::{Value, json};

use super::{Call, Named, qualified};

pub(super) const PROPERTIES: &[&str] = &["AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let mut members = resource.members(&["AuthType", "Cors", "InvokeMode"]);
    let (function, qualifier) = qualified(resource.text("TargetFunctionArn").unwrap_or_default());
    members.insert("FunctionName".to_owned(), Value::from(function));
    if let Some(qualifier) = resource.text("Qualifier").or(qualifier) {
        members.insert("Qualifier".to_owned(), Value::from(qualifier));
    }
    let save = [("reference", "/FunctionArn"), ("url", "/FunctionUrl")];
    let update = Call::new("lambda", "UpdateFunctionUrlConfig", Value::Object(members.clone())).saving(&save);
    let create = Call::new("lambda", "CreateFunctionUrlConfig", Value::Object(members)).saving(&save);
    vec![create.or_if("ResourceConflictException", vec![update])]
}

pub(super) const EVENT_INVOKE_CONFIG: &[&str] =
    &["DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"];

pub(super) fn event_invoke_config(resource: Named<'_>) -> Vec<Call> {
    let mut members = resource.members(EVENT_INVOKE_CONFIG);
    for name in ["MaximumEventAgeInSeconds", "MaximumRetryAttempts"] {
        let number = members.get(name).and_then(|it| it.as_str()?.parse::<i64>().ok());
        members.extend(number.map(|number| (name.to_owned(), json!(number))));
    }
    vec![Call::new("lambda", "PutFunctionEventInvokeConfig", Value::Object(members))]
}
