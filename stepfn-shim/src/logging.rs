//! Execution logs: events of the history, delivered to a CloudWatch Logs group.
//!
//! Delivery happens after the step is committed and is best effort, as on AWS; a group that is gone loses its events.

use std::sync::Arc;

use asl::{EventType, HistoryEvent};
use aws_wire::ServiceError;
use runtime::{CallContext, Input, Scope, Timestamp};
use serde_json::{Map, Value, json};

use crate::{driver::Running, service::Inner};

/// What a state machine logs, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logging {
    level: Level,
    with_data: bool,
    group: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    All,
    Error,
    Fatal,
}

/// The stream AWS makes to check the destination of a new state machine; it is there before any other.
const VALIDATION_STREAM: &str = "log_stream_created_by_aws_to_validate_log_delivery_subscriptions";

impl Logging {
    /// From a logging configuration that was checked; `None` if nothing is logged.
    pub(crate) fn of(configuration: Option<&Value>) -> Option<Self> {
        let configuration = configuration?;
        let level = match configuration.get("level").and_then(Value::as_str)? {
            "ALL" => Level::All,
            "ERROR" => Level::Error,
            "FATAL" => Level::Fatal,
            _ => return None,
        };
        let with_data = configuration.get("includeExecutionData").and_then(Value::as_bool).unwrap_or(false);
        let group = group_of(configuration)?.to_owned();
        Some(Self { level, with_data, group })
    }

    fn takes(&self, event: &HistoryEvent) -> bool {
        let name = event.event_type.as_str();
        let fatal = matches!(
            event.event_type,
            EventType::ExecutionFailed | EventType::ExecutionAborted | EventType::ExecutionTimedOut
        );
        match self.level {
            Level::All => true,
            Level::Fatal => fatal,
            Level::Error => {
                let failing = event.event_type == EventType::FailStateEntered || name.contains("Failed");
                fatal || failing || name.contains("TimedOut") || name.contains("Aborted")
            }
        }
    }
}

/// The name of the log group in a configuration.
pub(crate) fn group_of(configuration: &Value) -> Option<&str> {
    let destination = configuration.get("destinations")?.as_array()?.first()?;
    let arn = destination.get("cloudWatchLogsLogGroup")?.get("logGroupArn")?.as_str()?;
    arn.split(':').nth(6)
}

/// Whether the group of a destination is there. A service that cannot be asked is trusted.
pub(crate) async fn group_exists(inner: &Inner, scope: &Scope, group: &str) -> bool {
    let ctx = CallContext::internal(scope.clone(), Arc::clone(&inner.options.endpoint));
    let members = object(json!({ "logGroupNamePrefix": group }));
    let found =
        inner.router.call(&ctx, "logs", "DescribeLogGroups", Input { members, ..Input::default() }).await;
    match found {
        Ok(output) => {
            let groups =
                output.members.get("logGroups").and_then(Value::as_array).cloned().unwrap_or_default();
            groups.iter().any(|found| found.get("logGroupName").and_then(Value::as_str) == Some(group))
        }
        Err(_) => true,
    }
}

/// Begins to deliver the events of a committed step.
pub(crate) fn deliver(inner: &Arc<Inner>, running: &Arc<Running>, events: &[HistoryEvent]) {
    let Some(logging) = &running.logging else { return };
    let redrives = running.live().record.redrives;
    let lines: Vec<Value> = events
        .iter()
        .filter(|event| logging.takes(event))
        .map(|event| json!({ "timestamp": event.timestamp.0, "message": line(running, event, logging.with_data, redrives) }))
        .collect();
    if lines.is_empty() {
        return;
    }
    let (inner, running, group) = (Arc::clone(inner), Arc::clone(running), logging.group.clone());
    tokio::spawn(async move {
        // One delivery after the other, so that an execution's events stay in their order.
        let _turn = running.log_turn.lock().await;
        if let Err(error) = put(&inner, &running, &group, lines).await {
            tracing::warn!(execution = &*running.arn, group, %error, "execution logs could not be delivered");
        }
    });
}

/// Makes the stream that shows that a group takes logs.
pub(crate) async fn validate_delivery(inner: &Inner, scope: &Scope, group: &str) {
    let ctx = CallContext::internal(scope.clone(), Arc::clone(&inner.options.endpoint));
    if let Err(error) = create_stream(inner, &ctx, group, VALIDATION_STREAM).await {
        tracing::warn!(group, %error, "the log group of a state machine takes no streams");
    }
}

async fn create_stream(
    inner: &Inner,
    ctx: &CallContext,
    group: &str,
    stream: &str,
) -> Result<(), ServiceError> {
    let members = object(json!({ "logGroupName": group, "logStreamName": stream }));
    let created =
        inner.router.call(ctx, "logs", "CreateLogStream", Input { members, ..Input::default() }).await;
    match created {
        Err(error) if error.code != "ResourceAlreadyExistsException" => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn put(inner: &Inner, running: &Running, group: &str, lines: Vec<Value>) -> Result<(), ServiceError> {
    let ctx = CallContext::internal(running.key.scope.clone(), Arc::clone(&inner.options.endpoint));
    let started = running.live().record.started;
    let stream = format!("states/{}/{}", running.key.state_machine(), minute(started));
    create_stream(inner, &ctx, group, &stream).await?;
    let members = object(json!({ "logGroupName": group, "logStreamName": stream, "logEvents": lines }));
    inner.router.call(&ctx, "logs", "PutLogEvents", Input { members, ..Input::default() }).await?;
    Ok(())
}

/// `2026-11-22-14-20`: executions that start in one minute share a stream.
fn minute(at: Timestamp) -> String {
    at.rfc3339().chars().take(16).map(|c| if c.is_ascii_digit() { c } else { '-' }).collect()
}

/// An event as AWS logs it.
fn line(running: &Running, event: &HistoryEvent, with_data: bool, redrives: u64) -> String {
    let members = event.members(with_data);
    let details = members
        .as_object()
        .and_then(|members| members.iter().find(|(name, _)| name.ends_with("EventDetails")));
    let mut details = details.map_or_else(Map::new, |(_, details)| object(details.clone()));
    if !with_data {
        details.retain(|name, _| !name.ends_with("Details"));
    }
    json!({
        "id": event.id.to_string(),
        "type": event.event_type.as_str(),
        "details": details,
        "previous_event_id": event.previous_event_id.to_string(),
        "event_timestamp": event.timestamp.0.to_string(),
        "execution_arn": &*running.arn,
        "redrive_count": redrives.to_string(),
    })
    .to_string()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
