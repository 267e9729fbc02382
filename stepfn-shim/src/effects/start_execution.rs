//! `states:startExecution` in all its patterns: a workflow that starts another, and may wait for its end.

use std::sync::Arc;

use asl::{Pattern, Payload, Resource, ScheduledTask, Signal, Status, TaskId};
use runtime::{CallContext, Input, Timestamp};
use serde_json::{Map, Value, json};

use super::{Answer, TaskFailure, casing, failures, metadata, outstanding, tell};
use crate::{
    arn,
    driver::Running,
    records::{ExecutionKey, ExecutionRecord, Machine},
    service::Inner,
};

/// Starts the other execution; the answer is StartExecution's. An effect that is `repeated` after a crash finds what it
/// started: an execution that gets no name is named by the task's own token.
pub(super) async fn start(
    inner: &Arc<Inner>,
    ctx: &CallContext,
    task: &ScheduledTask,
    repeated: bool,
) -> Answer {
    let Some((model, operation)) = casing::find("stepfunctions", "StartExecution") else {
        return Err(failures::missing_parameter("StateMachineArn"));
    };
    let mut parameters = task.input.value().clone();
    if let Some(input) = parameters.get_mut("Input").filter(|input| input.is_null()) {
        *input = json!({});
    }
    let mut members = casing::to_model(model, operation.input, parameters);
    members.entry("name").or_insert_with(|| json!(&*task.request_token));
    let existing = repeated.then(|| existing(&members)).flatten();
    let input = Input { members, ..Input::default() };
    let started = inner.router.call(ctx, "stepfunctions", "StartExecution", input).await;
    let output = match (started, existing) {
        (Ok(output), _) => output.members,
        (Err(error), Some(arn)) if error.code == "ExecutionAlreadyExists" => found(inner, &arn),
        (Err(error), _) => return Err(failures::optimised("states", ctx, &error)),
    };
    let mut answer = Map::new();
    let arn = output.get("executionArn").and_then(Value::as_str).unwrap_or("");
    answer.insert("ExecutionArn".into(), json!(arn));
    let length = arn.len() + 50;
    let http = metadata::Http {
        status: 200,
        content_type: "application/x-amz-json-1.0",
        content_length: length,
        connection: "connection",
        extra: &[],
    };
    metadata::add(&mut answer, ctx, &http);
    let started = output.get("startDate").and_then(casing::moment);
    answer.insert("StartDate".into(), json!(started));
    Ok(Value::Object(answer))
}

/// The execution that the same parameters started before.
fn existing(members: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let (scope, machine, _) = arn::state_machine(text("stateMachineArn")?).ok()?;
    Some(ExecutionKey { scope, machine: machine.into(), name: text("name")?.into() }.arn())
}

/// What StartExecution answered for it.
fn found(inner: &Inner, arn: &str) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("executionArn".into(), json!(arn));
    members.insert(
        "startDate".into(),
        json!(record(inner, arn).map(|(_, record)| record.started.epoch_seconds())),
    );
    members
}

/// Waits for the end of an execution that a task has started.
pub(super) async fn watch(inner: &Arc<Inner>, running: &Arc<Running>, task: TaskId, submitted: &Value) {
    let Some(child) = submitted.get("ExecutionArn").and_then(Value::as_str) else { return };
    let child: Arc<str> = child.into();
    // The task was called off while the other execution was being started.
    if outstanding(running, task).is_none() {
        return inner.stop_started(&child);
    }
    inner.watchers.entry(Arc::clone(&child)).or_default().push((Arc::clone(&running.arn), task));
    // It may have ended before anybody watched it.
    if let Some((_, record)) = record(inner, &child)
        && record.status != Status::Running
    {
        inner.watchers.remove_if_mut(&child, |_, watchers| {
            watchers.retain(|(arn, watching)| (arn, *watching) != (&running.arn, task));
            watchers.is_empty()
        });
        child_ended(inner, &running.arn, task, &child).await;
    }
}

fn record(inner: &Inner, child: &str) -> Option<(ExecutionKey, ExecutionRecord)> {
    let (scope, machine, name) = arn::execution(child).ok()?;
    let key = ExecutionKey { scope, machine: machine.into(), name: name.into() };
    let record = inner.execution_record(&key).ok()??;
    Some((key, record))
}

/// Tells the task that waits for an execution how it ended.
pub(crate) async fn child_ended(inner: &Arc<Inner>, parent: &str, task: TaskId, child: &str) {
    let Ok(Some(parent)) = inner.find(parent) else { return };
    let Some(scheduled) = outstanding(&parent, task) else { return };
    let Some((key, record)) = record(inner, child) else { return };
    let parsed = matches!(&*scheduled.resource, Resource::Service { pattern: Pattern::Sync2, .. });
    let output = describe(&key, &record, parsed, inner.clock.now());
    let signal = if record.status == Status::Succeeded {
        Signal::TaskSucceeded { task, output: Payload::new(output) }
    } else {
        let TaskFailure { error, cause } =
            TaskFailure { error: String::from("States.TaskFailed"), cause: output.to_string() };
        Signal::TaskFailed { task, error: Some(error), cause: Some(cause) }
    };
    tell(inner, &parent, signal).await;
}

/// DescribeExecution as the language shows it; input and output as JSON where `parsed`.
fn describe(key: &ExecutionKey, record: &ExecutionRecord, parsed: bool, now: Timestamp) -> Value {
    let data = |text: &str| {
        if parsed { serde_json::from_str(text).unwrap_or_else(|_| json!(text)) } else { json!(text) }
    };
    let mut members = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.into(), value);
        }
    };
    put("ExecutionArn", Some(json!(key.arn())));
    put("Error", record.error.as_ref().map(|error| json!(error)));
    put("Cause", record.cause.as_ref().map(|cause| json!(cause)));
    put("Input", Some(data(&record.input)));
    put("InputDetails", Some(json!({ "Included": true })));
    put("Name", Some(json!(&*key.name)));
    put("Output", record.output.as_deref().map(data));
    put("OutputDetails", record.output.as_ref().map(|_| json!({ "Included": true })));
    let (redrivable, reason) = record.redrive_status(now);
    put("RedriveCount", Some(json!(record.redrives)));
    put("RedriveStatus", Some(json!(redrivable)));
    put("RedriveStatusReason", reason.map(|reason| json!(reason)));
    put("StartDate", Some(json!(record.started.0)));
    put("StateMachineArn", Some(json!(Machine::arn(&key.scope, &key.machine))));
    put("Status", Some(json!(record.status.as_str())));
    put("StopDate", record.stopped.map(|at| json!(at.0)));
    Value::Object(members)
}
