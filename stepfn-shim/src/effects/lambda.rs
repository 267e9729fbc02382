//! Functions, by their ARN and by `lambda:invoke`.

use std::sync::Arc;

use asl::{MAX_BYTES, Pattern, Payload};
use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{CallContext, Invocation, InvocationMode, InvocationOutcome};
use serde_json::{Map, Value, json};

use super::{Answer, TaskFailure, failures, metadata};
use crate::service::Inner;

/// A function as the task's own resource: its result is the task's.
pub(super) async fn by_arn(inner: &Arc<Inner>, ctx: &CallContext, arn: &str, input: &Payload) -> Answer {
    let payload = Bytes::copy_from_slice(input.text().as_bytes());
    let outcome = inner.invoker.invoke(ctx, Invocation::request_response(arn, payload)).await;
    let outcome = outcome.map_err(|error| failed(ctx, &error))?;
    check_size(arn, &outcome)?;
    result(&outcome)
}

/// `arn:aws:states:::lambda:invoke`: parameters and answer are those of the Invoke operation.
pub(super) async fn invoke(
    inner: &Arc<Inner>,
    ctx: &CallContext,
    input: &Payload,
    pattern: Pattern,
) -> Answer {
    let parameters = input.value();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(function) = text("FunctionName") else {
        return Err(failures::missing_parameter("FunctionName"));
    };
    let mode = match text("InvocationType").as_deref() {
        Some("Event") => InvocationMode::Event,
        Some("DryRun") => InvocationMode::DryRun,
        _ => InvocationMode::RequestResponse,
    };
    let payload = match parameters.get("Payload") {
        None | Some(Value::Null) => Bytes::from_static(b"{}"),
        // A text is taken for the JSON it holds.
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(payload) => Bytes::from(payload.to_string()),
    };
    let invocation = Invocation {
        qualifier: text("Qualifier"),
        mode,
        client_context: text("ClientContext"),
        log_tail: text("LogType").as_deref() == Some("Tail"),
        ..Invocation::request_response(function, payload)
    };
    let outcome = inner.invoker.invoke(ctx, invocation).await.map_err(|error| failed(ctx, &error))?;
    check_size("lambda", &outcome)?;
    let payload = if outcome.payload.is_empty() { Value::Null } else { result(&outcome).map_err(compact)? };
    Ok(answer(ctx, &outcome, payload, pattern))
}

/// A result that is too large fails as that, whatever it is.
fn check_size(of: &str, outcome: &InvocationOutcome) -> Result<(), TaskFailure> {
    if outcome.payload.len() <= MAX_BYTES {
        return Ok(());
    }
    let failure = asl::Failure::data_limit_exceeded(of);
    Err(TaskFailure { error: failure.error.unwrap_or_default(), cause: failure.cause.unwrap_or_default() })
}

/// What the function returned, or its error.
fn result(outcome: &InvocationOutcome) -> Answer {
    let text = String::from_utf8_lossy(&outcome.payload);
    let value = serde_json::from_str::<Value>(&text);
    if outcome.function_error.is_some() {
        let error = value.ok().and_then(|error| error.get("errorType")?.as_str().map(str::to_owned));
        // A function that died without naming an error.
        let error = error.unwrap_or_else(|| String::from("Lambda.Unknown"));
        return Err(TaskFailure { error, cause: text.into_owned() });
    }
    value.map_err(|_| TaskFailure {
        error: String::from("States.Runtime"),
        cause: format!("The function returned what is not JSON: {text}"),
    })
}

/// This integration shows a function's error without the blanks the function put in.
fn compact(failure: TaskFailure) -> TaskFailure {
    let cause = serde_json::from_str::<Value>(&failure.cause).map(|cause| cause.to_string());
    TaskFailure { cause: cause.unwrap_or(failure.cause), error: failure.error }
}

fn failed(ctx: &CallContext, error: &ServiceError) -> TaskFailure {
    failures::optimised("lambda", ctx, error)
}

fn answer(ctx: &CallContext, outcome: &InvocationOutcome, payload: Value, pattern: Pattern) -> Value {
    let mut answer = Map::new();
    if pattern == Pattern::RequestResponse || outcome.status == 200 {
        answer.insert("ExecutedVersion".into(), json!(outcome.executed_version));
    }
    if let Some(log) = &outcome.log_result {
        answer.insert("LogResult".into(), json!(log));
    }
    if !outcome.payload.is_empty() {
        answer.insert("Payload".into(), payload);
    }
    let mut extra = vec![
        ("X-Amz-Executed-Version", outcome.executed_version.clone()),
        ("x-amzn-Remapped-Content-Length", String::from("0")),
        (
            "X-Amzn-Trace-Id",
            ctx.trace_id
                .as_deref()
                .unwrap_or("root=1-00000000-000000000000000000000000;sampled=0")
                .to_owned(),
        ),
    ];
    extra.extend(outcome.log_result.clone().map(|log| ("X-Amz-Log-Result", log)));
    let http = metadata::Http {
        status: outcome.status,
        content_type: "application/json",
        content_length: outcome.payload.len(),
        connection: "Connection",
        extra: &extra,
    };
    metadata::add(&mut answer, ctx, &http);
    answer.insert("StatusCode".into(), json!(outcome.status));
    Value::Object(answer)
}
