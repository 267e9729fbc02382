//! Who is told how an event ended: another function, a queue, a topic, an event bus, or a bucket. What is given up of
//! streams is told through the same.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{
    Body, CallContext, FunctionInvoker, Input, Invocation, InvocationMode, InvocationOutcome, Scope,
    Timestamp,
};
use serde_json::{Value, json};

use super::lineage;
use crate::service::{Inner, Lambda};

/// How an event ended, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
            Self::ZeroReservedConcurrency => "ZeroReservedConcurrency",
        }
    }
}

/// What is told of an event.
pub(crate) struct Ending<'a> {
    pub(crate) condition: Condition,
    pub(crate) request_id: &'a str,
    /// The header that the event came with.
    pub(crate) trace_id: &'a str,
    /// With the version or alias that was invoked.
    pub(crate) function_arn: String,
    pub(crate) attempts: usize,
    pub(crate) payload: &'a [u8],
    /// What the last attempt came to, if it came to anything.
    pub(crate) outcome: Option<&'a InvocationOutcome>,
    pub(crate) at: Timestamp,
}

/// Tells `destination` of an event's end. A destination that cannot be reached is a line in the log.
pub(crate) async fn tell(inner: &Arc<Inner>, destination: &str, ending: &Ending<'_>) {
    if let Err(refusal) = deliver(inner, destination, ending).await {
        tracing::warn!(destination, request_id = ending.request_id, %refusal, "an event's destination could not be told");
    }
}

fn record(ending: &Ending<'_>) -> Value {
    let parsed = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or(Value::Null);
    let mut record = json!({
        "version": "1.0",
        "timestamp": ending.at.rfc3339(),
        "requestContext": {
            "requestId": ending.request_id,
            "functionArn": ending.function_arn,
            "condition": ending.condition.name(),
            "approximateInvokeCount": ending.attempts,
        },
        "requestPayload": parsed(ending.payload),
    });
    if let Some(outcome) = ending.outcome {
        record["responseContext"] = json!({"statusCode": 200, "executedVersion": outcome.executed_version});
        if let Some(failed) = &outcome.function_error {
            record["responseContext"]["functionError"] = failed.as_str().into();
        }
        record["responsePayload"] = parsed(&outcome.payload);
    }
    record
}

async fn deliver(inner: &Arc<Inner>, destination: &str, ending: &Ending<'_>) -> Result<(), ServiceError> {
    let record = record(ending);
    let ctx = context_after(inner, destination, ending);
    match part(destination, 2) {
        "lambda" => {
            let invocation = Invocation {
                mode: InvocationMode::Event,
                ..Invocation::request_response(destination, record.to_string())
            };
            Lambda(Arc::clone(inner)).invoke(&ctx, invocation).await.map(drop)
        }
        "events" => to_bus(inner, &ctx, destination, (&ending.function_arn, ending.condition), &record).await,
        "s3" => {
            let function = ending.function_arn.split(':').nth(6).unwrap_or_default();
            let folder = format!("async/{function}");
            to_bucket(inner, &ctx, destination, &object_key(&folder, ending.at), &record).await
        }
        _ => to_queue_or_topic(inner, &ctx, destination, &record.to_string(), None).await,
    }
}

/// A context in the account and region that an ARN names; what it does not name it has of `own`, a function's.
pub(crate) fn context(inner: &Inner, arn: &str, own: &str) -> CallContext {
    let named = |at: usize| Some(part(arn, at)).filter(|named| !named.is_empty()).unwrap_or(part(own, at));
    CallContext::internal(Scope::new(named(4), named(3)), Arc::clone(&inner.endpoint))
}

/// The context in which a destination is told of an end: one more step in the chain of requests that the event was part
/// of, so that functions which are each other's destinations are found to be a loop.
pub(super) fn context_after(inner: &Inner, destination: &str, ending: &Ending<'_>) -> CallContext {
    let arn = &ending.function_arn;
    let function = arn.rsplit_once(':').map_or(arn.as_str(), |(function, _)| function);
    let trace_id = lineage::follow(ending.trace_id, &lineage::hash(function), true).ok().map(Into::into);
    CallContext { trace_id, ..context(inner, destination, arn) }
}

/// A part of an ARN, counted from 0; the last, number 5, is the resource with its colons.
pub(crate) fn part(arn: &str, at: usize) -> &str {
    arn.splitn(6, ':').nth(at).unwrap_or_default()
}

/// Sends a text to the queue or the topic of an ARN, with attributes if there are any.
pub(crate) async fn to_queue_or_topic(
    inner: &Inner,
    ctx: &CallContext,
    destination: &str,
    text: &str,
    attributes: Option<Value>,
) -> Result<(), ServiceError> {
    let with_attributes = |mut message: Value| {
        if let Some(attributes) = attributes {
            message["MessageAttributes"] = attributes;
        }
        message
    };
    match part(destination, 2) {
        "sqs" => {
            let found =
                router_call(inner, ctx, "sqs", "GetQueueUrl", json!({"QueueName": part(destination, 5)}))
                    .await?;
            let message = with_attributes(json!({"QueueUrl": found["QueueUrl"], "MessageBody": text}));
            router_call(inner, ctx, "sqs", "SendMessage", message).await.map(drop)
        }
        "sns" => {
            let message = with_attributes(json!({"TopicArn": destination, "Message": text}));
            router_call(inner, ctx, "sns", "Publish", message).await.map(drop)
        }
        service => Err(crate::error::unsupported(&format!("destinations of {service}"))),
    }
}

/// Puts a record into the bucket of an ARN.
pub(crate) async fn to_bucket(
    inner: &Inner,
    ctx: &CallContext,
    bucket: &str,
    key: &str,
    record: &Value,
) -> Result<(), ServiceError> {
    let members = [("Bucket", part(bucket, 5)), ("Key", key), ("ContentType", "application/json")];
    let members = members.map(|(member, value)| (member.to_owned(), Value::from(value)));
    let body = Body::Bytes(record.to_string().into());
    let input = Input { members: members.into_iter().collect(), body };
    inner.router.call(ctx, "s3", "PutObject", input).await.map(drop)
}

/// The name of an object about what `folder` says: `aws/lambda/FOLDER/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-RANDOM`.
pub(crate) fn object_key(folder: &str, now: Timestamp) -> String {
    let shown = now.rfc3339();
    let (day, time) = (&shown[..10], shown[11..19].replace(':', "."));
    format!("aws/lambda/{folder}/{}/{day}T{time}-{}", day.replace('-', "/"), uuid::Uuid::new_v4())
}

/// Puts an event on the bus of an ARN, whose detail is the record.
async fn to_bus(
    inner: &Inner,
    ctx: &CallContext,
    bus: &str,
    (function, condition): (&str, Condition),
    record: &Value,
) -> Result<(), ServiceError> {
    let ended = if condition == Condition::Success { "Success" } else { "Failure" };
    let entry = json!({
        "EventBusName": bus,
        "Source": "lambda",
        "DetailType": format!("Lambda Function Invocation Result - {ended}"),
        "Resources": [bus, function],
        "Detail": record.to_string(),
    });
    let answer = router_call(inner, ctx, "events", "PutEvents", json!({"Entries": [entry]})).await?;
    match answer["Entries"][0]["ErrorMessage"].as_str() {
        Some(refusal) => Err(crate::error::service(refusal)),
        None => Ok(()),
    }
}

/// Calls another service's operation.
pub(crate) async fn router_call(
    inner: &Inner,
    ctx: &CallContext,
    service: &str,
    operation: &str,
    members: Value,
) -> Result<Value, ServiceError> {
    let Value::Object(members) = members else { return Ok(Value::Null) };
    let input = Input { members, ..Input::default() };
    inner.router.call(ctx, service, operation, input).await.map(|output| Value::Object(output.members))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_aws_names_them() {
        let key = object_key("u/shardId-000000000000", Timestamp(1_700_000_000_120));
        assert!(
            key.starts_with("aws/lambda/u/shardId-000000000000/2023/11/14/2023-11-14T22.13.20-"),
            "{key}"
        );
        assert_eq!(key.rsplit_once(".20-").unwrap().1.len(), 36);
    }
}
