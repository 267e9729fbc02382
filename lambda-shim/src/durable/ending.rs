//! Who is told that an execution has ended: those who wait, the operation that started it, and an event's destinations.

use std::sync::Arc;

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::InvocationOutcome;
use serde_json::{Map, Value};

use super::{
    chained, driver,
    engine::{
        execution::{Identity, Origin, Outcome, Status},
        operation::{ErrorObject, OperationStatus},
    },
    rows,
    table::Entry,
};
use crate::{
    error,
    function::name,
    invoke::{
        dead_letter,
        destination::{self, Condition, Ending},
    },
    service::Inner,
};

/// What is answered to those who invoked the function and waited.
pub(crate) fn answer(inner: &Inner, entry: &Entry) -> Result<InvocationOutcome, ServiceError> {
    let status = entry.state().progress.status;
    let outcome = rows::outcome(&inner.store, &entry.identity).map_err(error::storage)?;
    Ok(shown(&entry.identity, status, outcome))
}

fn shown(identity: &Identity, status: Status, outcome: Outcome) -> InvocationOutcome {
    let failed = status != Status::Succeeded;
    let payload: Bytes = if failed {
        function_error(&outcome.error.unwrap_or_default()).into()
    } else {
        outcome.result.unwrap_or_default().into()
    };
    InvocationOutcome {
        status: 200,
        payload,
        function_error: failed.then(|| "Unhandled".to_owned()),
        executed_version: identity.version.clone(),
        log_result: None,
    }
}

/// An error as functions answer it.
fn function_error(error: &ErrorObject) -> String {
    let mut shown = Map::new();
    let texts = [("errorMessage", &error.message), ("errorType", &error.kind), ("errorData", &error.data)];
    for (name, text) in texts {
        if let Some(text) = text {
            shown.insert(name.to_owned(), text.as_str().into());
        }
    }
    if let Some(trace) = &error.stack_trace {
        shown.insert("stackTrace".to_owned(), trace.clone().into());
    }
    Value::Object(shown).to_string()
}

/// Tells of an execution's end. Whoever was told already hears of it again after a crash.
pub(crate) async fn tell(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let identity = &entry.identity;
    if identity.origin == Origin::Synchronous {
        return;
    }
    let status = entry.state().progress.status;
    let outcome = match rows::outcome(&inner.store, identity) {
        Ok(outcome) => outcome,
        Err(failure) => {
            return tracing::error!(execution = identity.arn(), %failure, "an execution's outcome cannot be read");
        }
    };
    match &identity.origin {
        Origin::Synchronous => {}
        Origin::Chained { execution, operation } => {
            tell_parent(inner, identity, (execution, operation), status, outcome).await;
        }
        Origin::Event { qualifier, request_id } => {
            let ended = shown(identity, status, outcome);
            tell_destinations(inner, identity, (qualifier, request_id), &ended).await;
        }
    }
    let told = driver::change(inner, entry, |draft| {
        draft.progress().to_tell = false;
        Ok(())
    });
    if let Err(failure) = told.await {
        tracing::debug!(execution = identity.arn(), %failure, "an execution's end will be told again");
    }
}

async fn tell_parent(
    inner: &Arc<Inner>,
    identity: &Identity,
    (execution, operation): (&str, &str),
    status: Status,
    outcome: Outcome,
) {
    let Some(parent) = inner.durable.by_id(execution) else { return };
    let (status, outcome) = match status {
        Status::Succeeded => (OperationStatus::Succeeded, outcome),
        Status::Stopped => (OperationStatus::Stopped, outcome),
        Status::TimedOut => {
            let text = format!("CHAINED_INVOKE timed out after {} seconds.", identity.timeout);
            let error = ErrorObject::new(Some("ChainedInvoke.Timeout"), text);
            (OperationStatus::TimedOut, Outcome { result: None, error: Some(error) })
        }
        Status::Failed | Status::Running | Status::Pausing | Status::Paused | Status::Deleting => {
            let error = outcome.error.unwrap_or_default();
            (OperationStatus::Failed, Outcome { result: None, error: Some(error) })
        }
    };
    chained::ended(inner, &parent, operation, Some(&identity.id), status, outcome).await;
}

/// Tells an event's destination, and its dead letter queue where it failed. Executions are not tried again
/// (Lambda, "Retries for Lambda durable functions").
async fn tell_destinations(
    inner: &Arc<Inner>,
    identity: &Identity,
    (qualifier, request_id): (&str, &str),
    outcome: &InvocationOutcome,
) {
    let scope = identity.scope();
    let Some(found) = inner.table.get(&scope, &identity.function) else { return };
    let function = found.function();
    let config = function.event_configs.get(qualifier).cloned().unwrap_or_default();
    let failed = outcome.function_error.is_some();
    let destination = if failed { config.on_failure } else { config.on_success };
    let letters = function.version(&identity.version).and_then(|version| version.dead_letters.clone());
    let letters = letters.filter(|_| failed);
    if destination.is_none() && letters.is_none() {
        return;
    }
    let input = rows::input(&inner.store, identity).ok().flatten().unwrap_or_default();
    let ending = Ending {
        condition: if failed { Condition::RetriesExhausted } else { Condition::Success },
        request_id,
        trace_id: &identity.trace,
        function_arn: name::arn(&scope, &identity.function, Some(qualifier)),
        attempts: 1,
        payload: input.as_bytes(),
        outcome: Some(outcome),
        at: inner.clock.now(),
    };
    if let Some(destination) = destination {
        destination::tell(inner, &destination, &ending).await;
    }
    if let Some(queue) = letters {
        dead_letter::tell(inner, &queue, &ending).await;
    }
}
