//! What happens to an execution from outside of its function: moments that come, callbacks, the ends of functions it
//! invoked, and people who stop, pause and resume it.

use std::time::Duration;

use runtime::Timestamp;
use serde_json::json;

use super::{
    checkpoint::REPEATABLE,
    draft::{Draft, Effect},
    execution::{LastRequest, Origin, Outcome, Pause, Status},
    history, invocation,
    operation::{Details, ErrorObject, OperationStatus},
};

/// No execution takes longer than 366 days, paused or not.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Lets what is due happen. Whether anything did is for the function to hear.
pub(crate) fn due(draft: &mut Draft<'_>) -> bool {
    let mut happened = false;
    for at in draft.base.due(draft.now) {
        // The same change may have seen to it already.
        if draft.operation(at).due().is_some_and(|due| due <= draft.now) {
            elapsed(draft, at);
            happened = true;
        }
    }
    happened
}

fn elapsed(draft: &mut Draft<'_>, at: usize) {
    let now = draft.now;
    let operation = draft.edit(at);
    match &mut operation.details {
        Details::Wait { seconds, .. } => {
            let details = json!({ "Duration": *seconds });
            operation.status = OperationStatus::Succeeded;
            operation.ended = Some(now);
            draft.operation_event(at, "WaitSucceeded", details);
        }
        Details::Step { next, .. } => {
            *next = None;
            operation.status = OperationStatus::Ready;
        }
        Details::Callback { deadline, heartbeat, .. } => {
            let missed = heartbeat.map(|(_, until)| until).filter(|until| *until <= now);
            let is_heartbeat = missed.is_some_and(|missed| deadline.is_none_or(|deadline| missed < deadline));
            let (kind, text) = if is_heartbeat {
                ("Callback.Heartbeat", "Callback timed out on heartbeat")
            } else {
                ("Callback.Timeout", "Callback timed out")
            };
            let error = ErrorObject::new(Some(kind), text);
            let details = json!({ "Error": history::error(Some(&error)) });
            operation.status = OperationStatus::TimedOut;
            operation.ended = Some(now);
            operation.error = Some(error);
            draft.operation_event(at, "CallbackTimedOut", details);
        }
        Details::Execution | Details::Context { .. } | Details::ChainedInvoke { .. } => {}
    }
}

/// A moment has come at which something is due.
pub(crate) fn elapse(draft: &mut Draft<'_>, request_id: &str) {
    let progress = &draft.change.progress;
    if !progress.status.is_open() {
        return;
    }
    if progress.deadline.is_some_and(|deadline| deadline <= draft.now) {
        let text = format!("Execution timed out after {} seconds.", draft.base.identity.timeout);
        let outcome = Outcome { result: None, error: Some(ErrorObject::new(None, text)) };
        return end(draft, Status::TimedOut, outcome);
    }
    let retries = progress.retry.is_some_and(|retry| retry <= draft.now);
    let happened = due(draft);
    if retries || (happened && draft.change.progress.retry.is_none()) {
        invocation::invoke(draft, request_id);
    }
}

/// Ends the execution.
pub(crate) fn end(draft: &mut Draft<'_>, status: Status, outcome: Outcome) {
    let members = invocation::execution_members(&draft.base.identity);
    let error = json!({ "Error": history::error(outcome.error.as_ref()) });
    let (kind, details) = match status {
        Status::Succeeded => {
            ("ExecutionSucceeded", json!({ "Result": history::payload(outcome.result.as_deref()) }))
        }
        Status::TimedOut => ("ExecutionTimedOut", error),
        Status::Stopped => ("ExecutionStopped", error),
        Status::Failed | Status::Running | Status::Pausing | Status::Paused | Status::Deleting => {
            ("ExecutionFailed", error)
        }
    };
    let now = draft.now;
    let is_told = draft.base.identity.origin != Origin::Synchronous;
    let progress = draft.progress();
    progress.status = status;
    progress.ended = Some(now);
    progress.deadline = None;
    progress.retry = None;
    progress.pause = None;
    progress.last = None;
    progress.to_tell = is_told;
    draft.event(kind, members, details);
    draft.change.outcome = Some(outcome);
    draft.change.effects.push(Effect::Ended);
}

/// The end of a function that an operation invoked.
pub(crate) fn chained_ended(draft: &mut Draft<'_>, at: usize, status: OperationStatus, outcome: Outcome) {
    let now = draft.now;
    let error = json!({ "Error": history::error(outcome.error.as_ref()) });
    let (kind, details) = match status {
        OperationStatus::Succeeded => {
            ("ChainedInvokeSucceeded", json!({ "Result": history::payload(outcome.result.as_deref()) }))
        }
        OperationStatus::TimedOut => ("ChainedInvokeTimedOut", error),
        OperationStatus::Stopped => ("ChainedInvokeStopped", error),
        OperationStatus::Failed
        | OperationStatus::Started
        | OperationStatus::Pending
        | OperationStatus::Ready
        | OperationStatus::Cancelled => ("ChainedInvokeFailed", error),
    };
    let operation = draft.edit(at);
    operation.status = status;
    operation.ended = Some(now);
    operation.result = outcome.result;
    operation.error = outcome.error;
    draft.operation_event(at, kind, details);
}

/// What is said of a callback.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer {
    Succeeded(Option<String>),
    Failed(Option<ErrorObject>),
    Heartbeat,
}

/// Takes what is said of the callback of `operation`. `false` if it is not open any more.
pub(crate) fn callback(draft: &mut Draft<'_>, operation: &str, answer: Answer, request_id: &str) -> bool {
    let now = draft.now;
    let is_open = draft.change.progress.status.is_open();
    let Some(at) = draft.find(operation).filter(|at| {
        let found = draft.operation(*at);
        let is_callback = matches!(found.details, Details::Callback { .. });
        is_open
            && is_callback
            && found.status == OperationStatus::Started
            && found.due().is_none_or(|due| due > now)
    }) else {
        return false;
    };
    let operation = draft.quietly(at);
    if answer == Answer::Heartbeat {
        if let Details::Callback { heartbeat: Some((seconds, until)), .. } = &mut operation.details {
            *until = now.plus(Duration::from_secs((*seconds).into()));
        }
        return true;
    }
    let operation = draft.edit(at);
    operation.ended = Some(now);
    let (kind, details) = match answer {
        Answer::Failed(error) => {
            operation.status = OperationStatus::Failed;
            let details = json!({ "Error": history::error(error.as_ref()) });
            operation.error = Some(error.unwrap_or_default());
            ("CallbackFailed", details)
        }
        Answer::Succeeded(result) => {
            operation.status = OperationStatus::Succeeded;
            operation.result = result;
            ("CallbackSucceeded", json!({ "Result": history::payload(operation.result.as_deref()) }))
        }
        Answer::Heartbeat => return true,
    };
    draft.operation_event(at, kind, details);
    wake(draft, request_id);
    true
}

/// Something has happened that the function waits for.
pub(crate) fn wake(draft: &mut Draft<'_>, request_id: &str) {
    // One that has just failed comes when its wait is over, and sees it then.
    if draft.change.progress.retry.is_none() {
        invocation::invoke(draft, request_id);
    }
}

/// Why a request of people's is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It does not fit the status, which this is.
    Status(Status),
}

/// What somebody asks who pauses or resumes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) client_token: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) holds_timeout: bool,
}

fn is_repeated(draft: &Draft<'_>, request: &Request, is_pause: bool) -> bool {
    draft.base.progress.last_request.as_ref().is_some_and(|last| {
        request.client_token.as_ref() == Some(&last.client_token)
            && last.is_pause == is_pause
            && draft.now.since(last.at) < REPEATABLE
    })
}

fn remember(draft: &mut Draft<'_>, request: &Request, is_pause: bool) {
    let at = draft.now;
    if let Some(client_token) = request.client_token.clone() {
        draft.progress().last_request = Some(LastRequest { client_token, is_pause, at });
    }
}

/// Pauses the execution: at once, or at the next checkpoint of the invocation under way.
pub(crate) fn pause(draft: &mut Draft<'_>, request: &Request) -> Result<(), Refused> {
    if is_repeated(draft, request, true) {
        return Ok(());
    }
    if draft.change.progress.status != Status::Running {
        return Err(Refused::Status(draft.change.progress.status));
    }
    remember(draft, request, true);
    let now = draft.now;
    let progress = draft.progress();
    progress.pause = Some(Pause {
        requested: now,
        reason: request.reason.clone(),
        holds_timeout: request.holds_timeout,
        left: None,
        owes: false,
    });
    if progress.invocation.is_some() {
        progress.status = Status::Pausing;
    } else {
        let owes = progress.retry.is_some();
        paused(draft, owes);
    }
    Ok(())
}

/// The pause that was asked for begins.
pub(crate) fn paused(draft: &mut Draft<'_>, owes: bool) {
    let now = draft.now;
    let started = draft.base.identity.started;
    let progress = draft.progress();
    progress.status = Status::Paused;
    progress.retry = None;
    let Some(pause) = &mut progress.pause else { return };
    pause.owes |= owes;
    if pause.holds_timeout {
        let left = progress.deadline.map(|deadline| deadline.since(now));
        pause.left = left.and_then(|left| u64::try_from(left.as_millis()).ok());
        progress.deadline = Some(started.plus(LONGEST));
    }
    let mut details = json!({
        "PauseRequestTimestamp": pause.requested.epoch_seconds(),
        "ExecutionTimeoutPaused": pause.holds_timeout,
    });
    if pause.reason.is_some() {
        details["Reason"] = history::payload(pause.reason.as_deref());
    }
    let members = invocation::execution_members(&draft.base.identity);
    draft.event("ExecutionPaused", members, details);
}

/// Ends a pause, or takes the wish for one back.
pub(crate) fn resume(draft: &mut Draft<'_>, request: &Request, request_id: &str) -> Result<(), Refused> {
    if is_repeated(draft, request, false) {
        return Ok(());
    }
    let status = draft.change.progress.status;
    if !matches!(status, Status::Pausing | Status::Paused) {
        return Err(Refused::Status(status));
    }
    remember(draft, request, false);
    let now = draft.now;
    let progress = draft.progress();
    progress.status = Status::Running;
    let pause = progress.pause.take();
    if status == Status::Pausing {
        // The invocation under way goes on, and what came meanwhile is found at its end.
        return Ok(());
    }
    let longest = draft.base.identity.started.plus(LONGEST);
    let left = pause.as_ref().and_then(|pause| pause.left).map(Duration::from_millis);
    if let Some(left) = left {
        draft.progress().deadline = Some(now.plus(left).min(longest));
    }
    let mut details = json!({ "ResumeRequestTimestamp": now.epoch_seconds() });
    if request.reason.is_some() {
        details["Reason"] = history::payload(request.reason.as_deref());
    }
    let members = invocation::execution_members(&draft.base.identity);
    draft.event("ExecutionResumed", members, details);
    if pause.is_some_and(|pause| pause.owes) || draft.has_unseen() {
        // The invocation that the pause broke off may not have ended yet: its end sees to the next.
        draft.progress().unanswered = true;
        invocation::invoke(draft, request_id);
    }
    Ok(())
}

/// Stops the execution for good. One that has ended stays as it is.
pub(crate) fn stop(draft: &mut Draft<'_>, error: Option<ErrorObject>) -> Timestamp {
    if let Some(ended) = draft.change.progress.ended {
        return ended;
    }
    let outcome = Outcome { result: None, error: Some(error.unwrap_or_default()) };
    end(draft, Status::Stopped, outcome);
    draft.now
}

/// Begins the removal of an execution that has ended.
pub(crate) fn delete(draft: &mut Draft<'_>) -> Result<(), Refused> {
    let status = draft.change.progress.status;
    if status.is_open() || status == Status::Deleting {
        return Err(Refused::Status(status));
    }
    draft.progress().status = Status::Deleting;
    Ok(())
}

/// After a restart: the invocation that was under way is gone with the process, and is made again.
pub(crate) fn recover(draft: &mut Draft<'_>, request_id: &str) {
    if !draft.change.progress.status.is_open() {
        return;
    }
    if draft.change.progress.status == Status::Pausing {
        draft.progress().invocation = None;
        return paused(draft, true);
    }
    let was_running = draft.progress().invocation.take().is_some();
    let happened = due(draft);
    if draft.change.progress.retry.is_none() && (was_running || happened || draft.has_unseen()) {
        invocation::invoke(draft, request_id);
    }
}
