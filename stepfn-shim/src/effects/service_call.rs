//! Any operation of any service, through the router.

use std::sync::Arc;

use asl::Payload;
use aws_model::{Operation, ServiceModel};
use aws_wire::checksum::{Algorithm, Hasher};
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
    execution: Option<&str>,
) -> Answer {
    let sdk = service.strip_prefix("aws-sdk:");
    let name = casing::model_name(sdk.unwrap_or(service));
    let operation = casing::operation(action);
    if !input.value().is_object() {
        let cause = format!(
            "The Parameters '{}' could not be used to start the Task: [It must be a JSON object]",
            input.text()
        );
        return Err(TaskFailure { error: String::from("States.Runtime"), cause });
    }
    let known = casing::find(name, &operation);
    let request = match known {
        Some((model, operation)) => {
            let mut parameters = input.value().clone();
            if let ("events", Some(execution)) = (service, execution) {
                name_execution(&mut parameters, execution);
            }
            request(model, operation, parameters)
        }
        // The router says which service or operation is not there.
        None => Input::default(),
    };
    let answer = inner.router.call(ctx, name, &operation, request).await;
    let output = answer.map_err(|error| match sdk {
        Some(sdk) => failures::sdk(sdk, ctx, &error),
        None => failures::optimised(service, ctx, &error),
    })?;
    let (mut members, content) = match known {
        Some((model, operation)) => {
            let members = casing::from_model(model, operation.output, output.members);
            (members, casing::payload(model, operation.output))
        }
        None => (output.members, None),
    };
    let length = Value::Object(members.clone()).to_string().len();
    let Ok(body) = output.body.read(MAX_ANSWER).await else {
        let failure = asl::Failure::data_limit_exceeded(service);
        let (error, cause) = (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default());
        return Err(TaskFailure { error, cause });
    };
    if let Some(content) = content {
        let text = String::from_utf8_lossy(&body).into_owned();
        members.insert(casing::operation(content), Value::String(text));
    }
    if sdk.is_none() {
        add_metadata(&mut members, ctx, name, length);
        if name == "events" && members.get("FailedEntryCount").is_some_and(|count| count != 0) {
            // AWS fails the task with the whole answer, if one entry was not taken.
            let cause = Value::Object(members).to_string();
            return Err(TaskFailure { error: String::from("EventBridge.FailedEntry"), cause });
        }
    }
    Ok(Value::Object(members))
}

/// The entries of `events:putEvents` name the execution and its machine among their resources, so that rules can tell
/// whose they are ("Call EventBridge", Step Functions developer guide).
fn name_execution(parameters: &mut Value, execution: &str) {
    // `arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME`, or `…:express:MACHINE:NAME:ID`.
    let parts: Vec<&str> = execution.split(':').collect();
    let machine = match parts[..] {
        [a, b, c, d, e, _, machine, ..] => [a, b, c, d, e, "stateMachine", machine].join(":"),
        _ => String::new(),
    };
    for entry in parameters.get_mut("Entries").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(entry) = entry.as_object_mut() else { continue };
        let resources = entry.entry("Resources").or_insert_with(|| json!([]));
        if let Some(resources) = resources.as_array_mut() {
            resources.extend([json!(execution), json!(machine)]);
        }
    }
}

/// The request of an operation; a member that is its HTTP payload is the JSON of what the parameter says, also where
/// that is a text, as AWS writes objects to S3.
fn request(model: &'static ServiceModel, operation: &Operation, mut parameters: Value) -> Input {
    let mut body = Body::Empty;
    if let (Some(name), Some(members)) = (casing::payload(model, operation.input), parameters.as_object_mut())
        && let Some(value) = members.remove(&casing::operation(name))
    {
        body = Body::Bytes(value.to_string().into_bytes().into());
        if model.name == "s3" {
            // What AWS's SDK says of a text by itself.
            members.entry("ContentType").or_insert_with(|| json!("text/plain; charset=UTF-8"));
            let has_checksum = members.keys().any(|name| name.starts_with("Checksum"));
            if !has_checksum {
                members.insert("ChecksumAlgorithm".into(), json!("CRC32"));
            }
        }
    }
    Input { members: casing::to_model(model, operation.input, parameters), body }
}

fn add_metadata(members: &mut Map<String, Value>, ctx: &CallContext, model: &str, content_length: usize) {
    let content_type = match model {
        "sns" => "text/xml",
        "events" | "glue" => "application/x-amz-json-1.1",
        _ => "application/x-amz-json-1.0",
    };
    let mut extra = Vec::new();
    if model == "dynamodb" {
        let mut checksum = Hasher::new(Algorithm::Crc32);
        checksum.update(Value::Object(members.clone()).to_string().as_bytes());
        let number = checksum.finish().iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        extra = vec![("Server", String::from("Server")), ("x-amz-crc32", number.to_string())];
    }
    let connection = if model == "dynamodb" { "Connection" } else { "connection" };
    let http = metadata::Http { status: 200, content_type, content_length, connection, extra: &extra };
    metadata::add(members, ctx, &http);
    if model == "events" {
        members.entry("FailedEntryCount").or_insert(json!(0));
    }
}
