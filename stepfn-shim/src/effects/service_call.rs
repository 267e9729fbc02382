//! Any operation of any service, through the router.

use std::sync::Arc;

use asl::Payload;
use runtime::{Body, CallContext, Input};
use serde_json::{Map, Value, json};

use super::{Answer, TaskFailure, casing, failures, metadata};
use crate::service::Inner;

/// The largest answer that is read into memory; the interpreter then applies its own, smaller limit.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// Calls `service:action` with a task's input.
pub(super) async fn call(
    inner: &Arc<Inner>,
    ctx: &CallContext,
    service: &str,
    action: &str,
    input: &Payload,
) -> Answer {
    let sdk = service.strip_prefix("aws-sdk:");
    let model = casing::model_name(sdk.unwrap_or(service));
    let Value::Object(parameters) = input.value().clone() else {
        return Err(TaskFailure {
            error: String::from("States.Runtime"),
            cause: format!(
                "The Parameters '{}' could not be used to start the Task: [It must be a JSON object]",
                input.text()
            ),
        });
    };
    let mut members = casing::to_model(model, parameters);
    for name in text_members(model, action) {
        // A message may be written as JSON; the services take its text.
        if let Some(value) = members.get_mut(*name).filter(|value| !value.is_string()) {
            *value = Value::String(value.to_string());
        }
    }
    // An object's content is the JSON of what the parameter says, also where that is a text.
    let body = match (model, members.remove("Body")) {
        ("s3", Some(value)) => Body::Bytes(value.to_string().into_bytes().into()),
        (_, Some(value)) => {
            members.insert(String::from("Body"), value);
            Body::Empty
        }
        (_, None) => Body::Empty,
    };
    let operation = casing::operation(action);
    let answer = inner.router.call(ctx, model, &operation, Input { members, body }).await;
    let output = answer.map_err(|error| match sdk {
        Some(sdk) => failures::sdk(sdk, ctx, &error),
        None => failures::optimised(service, ctx, &error),
    })?;
    let mut members = casing::from_model(model, output.members);
    let length = Value::Object(members.clone()).to_string().len();
    let body = output.body.read(MAX_ANSWER).await;
    match body {
        Ok(body) if !body.is_empty() => {
            members.insert(String::from("Body"), Value::String(String::from_utf8_lossy(&body).into_owned()));
        }
        Ok(_) => {}
        Err(_) => {
            let (error, cause) = (
                String::from("States.DataLimitExceeded"),
                format!(
                    "The state/task '{service}' returned a result with a size exceeding the maximum number of bytes service limit."
                ),
            );
            return Err(TaskFailure { error, cause });
        }
    }
    if sdk.is_none() {
        add_metadata(&mut members, ctx, model, length);
    }
    Ok(Value::Object(members))
}

/// The members that take a text where the language may have JSON.
fn text_members(model: &str, action: &str) -> &'static [&'static str] {
    match (model, action) {
        ("sqs", "sendMessage") => &["MessageBody"],
        ("sns", "publish") => &["Message"],
        _ => &[],
    }
}

fn add_metadata(members: &mut Map<String, Value>, ctx: &CallContext, model: &str, content_length: usize) {
    let content_type = match model {
        "sns" => "text/xml",
        "events" | "glue" => "application/x-amz-json-1.1",
        _ => "application/x-amz-json-1.0",
    };
    let http =
        metadata::Http { status: 200, content_type, content_length, connection: "connection", extra: &[] };
    metadata::add(members, ctx, &http);
    if model == "events" {
        // AWS fails the task if an entry was not taken; an answer says how many were not.
        members.entry("FailedEntryCount").or_insert(json!(0));
    }
}
