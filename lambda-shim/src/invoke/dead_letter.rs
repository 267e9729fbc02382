//! The dead letter queue: where an event goes that failed for good, as it came.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::CallContext;
use serde_json::{Map, Value, json};

use super::destination::{self, Ending, router_call};
use crate::{error, service::Inner};

/// AWS's limit of the error's text, in bytes.
const MESSAGE_LIMIT: usize = 1024;

/// Checks a target before it is kept: `sqs`, or `sns` where that can be reached.
pub(crate) async fn check(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let target = members.get("DeadLetterConfig").and_then(|config| config["TargetArn"].as_str());
    match target.filter(|arn| !arn.is_empty()) {
        None => Ok(()),
        Some(arn) => check_target(inner, ctx, arn, "DeadLetterConfig").await,
    }
}

/// Checks that `arn` is a queue, or a topic that can be reached: `property` names it in the refusal.
pub(crate) async fn check_target(
    inner: &Inner,
    ctx: &CallContext,
    arn: &str,
    property: &str,
) -> Result<(), ServiceError> {
    match arn.split(':').nth(2) {
        Some("sqs") => Ok(()),
        Some("sns") => {
            let asked = router_call(inner, ctx, "sns", "GetTopicAttributes", json!({"TopicArn": arn})).await;
            match asked {
                Ok(_) => Ok(()),
                Err(refusal) if refusal.code == "NotImplemented" => Err(refusal),
                Err(refusal) => Err(error::invalid_parameter(format!(
                    "The topic of {property} cannot be used: {}",
                    refusal.message
                ))),
            }
        }
        _ => Err(error::invalid_parameter(format!(
            "The target of {property}, {arn}, is neither an SQS queue nor an SNS topic."
        ))),
    }
}

/// Sends an event to its function's dead letter queue. One that cannot be reached is a line in the log.
pub(crate) async fn tell(inner: &Arc<Inner>, target: &str, ending: &Ending<'_>) {
    if let Err(refusal) = deliver(inner, target, ending).await {
        tracing::warn!(target, request_id = ending.request_id, %refusal, "a dead letter queue could not be told");
    }
}

async fn deliver(inner: &Arc<Inner>, target: &str, ending: &Ending<'_>) -> Result<(), ServiceError> {
    let ctx = destination::context_after(inner, target, ending);
    let (code, message) = error_of(ending);
    let attribute = |kind: &str, value: &str| json!({"DataType": kind, "StringValue": value});
    let mut attributes = json!({
        "RequestID": attribute("String", ending.request_id),
        "ErrorCode": attribute("Number", &code.to_string()),
    });
    if !message.is_empty() {
        attributes["ErrorMessage"] = attribute("String", &message);
    }
    let body = String::from_utf8_lossy(ending.payload);
    destination::to_queue_or_topic(inner, &ctx, target, &body, Some(attributes)).await
}

/// The status of the last attempt, and the function's own words. An event that never came to run was throttled.
fn error_of(ending: &Ending<'_>) -> (u16, String) {
    let Some(outcome) = ending.outcome else { return (429, "Rate Exceeded.".to_owned()) };
    let error: Value = serde_json::from_slice(&outcome.payload).unwrap_or_default();
    let mut message = error["errorMessage"].as_str().unwrap_or_default().to_owned();
    while message.len() > MESSAGE_LIMIT {
        message.pop();
    }
    (outcome.status, message)
}
