//! Who is told how an event ended: another function, a queue, or a topic.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{
    CallContext, FunctionInvoker, Input, Invocation, InvocationMode, InvocationOutcome, Scope, Timestamp,
};
use serde_json::{Value, json};

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
    if let Err(refusal) = deliver(inner, destination, &record(ending)).await {
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

async fn deliver(inner: &Arc<Inner>, destination: &str, record: &Value) -> Result<(), ServiceError> {
    let parts: Vec<&str> = destination.split(':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let ctx = CallContext::internal(Scope::new(part(4), part(3)), Arc::clone(&inner.endpoint));
    match part(2) {
        "lambda" => {
            let invocation = Invocation {
                mode: InvocationMode::Event,
                ..Invocation::request_response(destination, record.to_string())
            };
            Lambda(Arc::clone(inner)).invoke(&ctx, invocation).await.map(drop)
        }
        "sqs" => {
            let found = router_call(inner, &ctx, "sqs", "GetQueueUrl", json!({"QueueName": part(5)})).await?;
            let message = json!({"QueueUrl": found["QueueUrl"], "MessageBody": record.to_string()});
            router_call(inner, &ctx, "sqs", "SendMessage", message).await.map(drop)
        }
        "sns" => {
            let message = json!({"TopicArn": destination, "Message": record.to_string()});
            router_call(inner, &ctx, "sns", "Publish", message).await.map(drop)
        }
        service => Err(crate::error::unsupported(&format!("destinations of {service}"))),
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
