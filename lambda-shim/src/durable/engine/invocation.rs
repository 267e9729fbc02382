//! Invocations of the execution's function: when one begins, what it is given, and what its end means.

use std::time::Duration;

use runtime::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    control,
    draft::{Draft, Effect},
    execution::{Identity, Invocation, Outcome, Status},
    history,
    operation::{Details, ErrorObject, Operation, OperationStatus},
    rules,
    show::{self, Moments},
    token::CheckpointToken,
};

/// How often in a row a function may say that it waits where it waits for nothing. That happens where a wait ends just
/// as the function has decided to wait for it.
const IDLE: u32 = 3;
/// The longest wait before an invocation that failed is tried again.
const LONGEST: Duration = Duration::from_secs(60);

/// What came of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    /// What the function returned.
    Returned(Option<String>),
    /// It failed or could not be reached: it is invoked again.
    Failed(ErrorObject),
    /// It never can be invoked again.
    Gone(ErrorObject),
}

/// Begins an execution: its first operation, its first event and its first invocation.
pub(crate) fn begin(draft: &mut Draft<'_>, input: Option<String>, request_id: &str) {
    let base = draft.base;
    let identity = &base.identity;
    let (now, timeout) = (draft.now, identity.timeout);
    let members = execution_members(identity);
    let details = json!({ "Input": history::payload(input.as_deref()), "ExecutionTimeout": timeout });
    draft.progress().written = input.as_ref().map_or(0, String::len) as u64;
    draft.add(Operation {
        id: identity.id.clone(),
        parent: None,
        name: Some(identity.name.clone()),
        sub_type: None,
        status: OperationStatus::Started,
        started: now,
        ended: None,
        changed: 0,
        input,
        result: None,
        error: None,
        details: Details::Execution,
    });
    draft.event("ExecutionStarted", members, details);
    invoke(draft, request_id);
}

/// What events of the execution itself have.
pub(crate) fn execution_members(identity: &Identity) -> Map<String, Value> {
    let members = [("Id", &identity.id), ("Name", &identity.name)];
    members.into_iter().map(|(name, text)| (name.to_owned(), text.as_str().into())).collect()
}

/// Has the function invoked, if that may be now; else it will be as soon as it may.
pub(crate) fn invoke(draft: &mut Draft<'_>, request_id: &str) {
    if draft.change.progress.invocation.is_some() || !draft.change.progress.status.is_open() {
        // The end of the one under way sees what has changed meanwhile.
        return;
    }
    if let Some(pause) = &mut draft.progress().pause {
        pause.owes = true;
        return;
    }
    let now = draft.now;
    let event = event(draft, request_id);
    let progress = draft.progress();
    progress.invocation = Some(Invocation { id: request_id.to_owned(), began: now });
    progress.retry = None;
    progress.seen = progress.changes;
    progress.unanswered = false;
    draft.change.effects.push(Effect::Invoke { id: request_id.to_owned(), event });
}

/// What the function is given.
fn event(draft: &Draft<'_>, request_id: &str) -> String {
    let identity = &draft.base.identity;
    let progress = &draft.change.progress;
    let visible = draft.base.visible(&draft.change.operations);
    let (operations, next) = show::page(visible, (0, show::EVENT_OPERATIONS), Moments::Millis);
    let updated: Vec<&str> = draft
        .operations()
        .filter(|operation| operation.changed > progress.seen && operation.details != Details::Execution)
        .map(|operation| operation.id.as_str())
        .collect();
    let marker = next.map_or_else(String::new, |next| next.to_string());
    json!({
        "DurableExecutionArn": identity.arn(),
        "CheckpointToken": CheckpointToken::encode(&identity.id, request_id, progress.sequence),
        "InitialExecutionState": { "Operations": operations, "NextMarker": marker },
        "UpdatedOperationIds": updated,
    })
    .to_string()
}

/// Takes the end of an invocation. `next` is the request id of the one that follows, if one does at once.
pub(crate) fn ended(draft: &mut Draft<'_>, id: &str, ended: Ended, next: &str) {
    let Some(invocation) = draft.change.progress.invocation.take_if(|found| found.id == id) else { return };
    let said = match ended {
        Ended::Failed(error) => Said::Nothing(error),
        Ended::Gone(error) => Said::Wrong(error),
        Ended::Returned(payload) => read(draft, payload.as_deref()),
    };
    let error = match &said {
        Said::Nothing(error) | Said::Wrong(error) => Some(error.clone()),
        Said::Failed(error) => Some(error.clone().unwrap_or_default()),
        Said::Succeeded(_) | Said::Pending => None,
    };
    completed(draft, &invocation, error.as_ref());
    if !draft.change.progress.status.is_open() {
        return;
    }
    if let Said::Nothing(_) = said {
        return failed(draft);
    }
    draft.progress().failures = 0;
    match said {
        Said::Succeeded(result) => control::end(draft, Status::Succeeded, Outcome { result, error: None }),
        Said::Failed(error) => control::end(draft, Status::Failed, Outcome { result: None, error }),
        Said::Wrong(error) => {
            control::end(draft, Status::Failed, Outcome { result: None, error: Some(error) });
        }
        Said::Pending | Said::Nothing(_) => pending(draft, next),
    }
}

enum Said {
    Succeeded(Option<String>),
    Failed(Option<ErrorObject>),
    Pending,
    /// What it returned is no answer.
    Wrong(ErrorObject),
    /// It returned nothing: it broke off.
    Nothing(ErrorObject),
}

fn completed(draft: &mut Draft<'_>, invocation: &Invocation, error: Option<&ErrorObject>) {
    let now: Timestamp = draft.now;
    let mut details = json!({
        "StartTimestamp": invocation.began.epoch_seconds(),
        "EndTimestamp": now.epoch_seconds(),
        "RequestId": invocation.id,
    });
    if error.is_some() {
        details["Error"] = history::error(error);
    }
    draft.event("InvocationCompleted", Map::new(), details);
}

/// Reads what a function returned.
fn read(draft: &Draft<'_>, payload: Option<&str>) -> Said {
    let wrong = |text: String| Said::Wrong(ErrorObject::new(Some("InvalidParameterValueException"), text));
    let answer: Value = payload.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let result = answer["Result"].as_str().map(str::to_owned);
    let error = super::update::error(&answer["Error"]);
    match answer["Status"].as_str() {
        Some("SUCCEEDED") if error.is_some() => {
            wrong("Cannot provide an Error for SUCCEEDED status.".to_owned())
        }
        Some("SUCCEEDED") => {
            let limit = draft.base.identity.result_limit();
            if result.as_ref().is_some_and(|result| result.len() > limit) {
                return wrong(format!(
                    "Execution output payload size must be less than or equal to {limit} bytes."
                ));
            }
            Said::Succeeded(result)
        }
        Some("FAILED") if result.is_some() => wrong("Cannot provide a Result for FAILED status.".to_owned()),
        Some("FAILED") => Said::Failed(error),
        Some("PENDING") => Said::Pending,
        Some("RETRY") => Said::Nothing(error.unwrap_or_default()),
        _ => wrong("Invalid Status in invocation output.".to_owned()),
    }
}

/// The function waits.
fn pending(draft: &mut Draft<'_>, next: &str) {
    if draft.change.progress.status == Status::Pausing {
        let owes = draft.has_unseen() || draft.change.progress.unanswered;
        return control::paused(draft, owes);
    }
    if draft.change.progress.status == Status::Paused {
        return;
    }
    if draft.has_unseen() || draft.change.progress.unanswered {
        draft.progress().idle = 0;
        return invoke(draft, next);
    }
    if draft.operations().any(Operation::is_awaited) {
        draft.progress().idle = 0;
        return;
    }
    draft.progress().idle += 1;
    if draft.change.progress.idle >= IDLE {
        let text = "Cannot return PENDING status with no pending operations.";
        let error = ErrorObject::new(Some("InvalidParameterValueException"), text);
        return control::end(draft, Status::Failed, Outcome { result: None, error: Some(error) });
    }
    invoke(draft, next);
}

/// An invocation that broke off is made again, with growing waits, until the execution times out (Lambda, "Retries for
/// Lambda durable functions").
fn failed(draft: &mut Draft<'_>) {
    if draft.change.progress.status == Status::Pausing {
        control::paused(draft, true);
    }
    let now = draft.now;
    let progress = draft.progress();
    progress.failures += 1;
    if let Some(pause) = &mut progress.pause {
        pause.owes = true;
        return;
    }
    let wait = Duration::from_secs(1_u64 << (progress.failures - 1).min(6)).min(LONGEST);
    progress.retry = Some(now.plus(wait));
}

/// Whether a result is too long for a chained invocation.
pub(crate) fn chained_result(result: Option<String>) -> Result<Option<String>, ErrorObject> {
    let limit = rules::PAYLOAD;
    if result.as_ref().is_some_and(|result| result.len() > limit) {
        let text = format!("CHAINED_INVOKE output payload size must be less than or equal to {limit} bytes.");
        return Err(ErrorObject::new(None, text));
    }
    Ok(result)
}
