//! CheckpointDurableExecution: the updates of a function, all or none.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    control,
    draft::{Draft, Effect},
    execution::{Execution, LastCheckpoint, Outcome, Status},
    history,
    operation::{Details, ErrorObject, Kind, Operation, OperationStatus},
    rules::{self, Invalid, invalid},
    show::{self, Moments},
    token::{self, CheckpointToken},
    update::{Action, Invoke, Update},
};

/// For how long a checkpoint that is asked for again with the same client token is answered as before.
pub(crate) const REPEATABLE: Duration = Duration::from_secs(15 * 60);

/// The function behind a chained invocation, as it was found when the checkpoint came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// A durable one: it gets this execution.
    Durable { version: String, id: String, arn: String },
    /// One that answers at once, invoked with this request id.
    Plain { version: String, request_id: String },
    /// It cannot be invoked.
    Refused(ErrorObject),
}

/// What a function says in a checkpoint.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) token: &'a str,
    pub(crate) client_token: Option<&'a str>,
    pub(crate) updates: &'a [Update],
}

/// The answer: the next token, unless no more may come, and what has changed.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) token: Option<String>,
    pub(crate) operations: Vec<Value>,
}

/// AWS's own words, in its case: SDKs compare how a message begins (aws-durable-execution-sdk-js, pull request 920, tells
/// of those that had another case, and took a stale token for the end of the execution).
const STALE: &str = "Invalid checkpoint token";

/// Refuses a token that is not the one that may come next.
pub(crate) fn must_be_current(execution: &Execution, token: &str) -> Result<(), Invalid> {
    let Some(token) = CheckpointToken::decode(token) else { return invalid(STALE) };
    if token.execution != execution.identity.id {
        return invalid("Checkpoint token is not valid for the durable execution ARN");
    }
    let progress = &execution.progress;
    let invocation = progress.invocation.as_ref().map(|invocation| invocation.id.as_str());
    let is_current = progress.status.is_open()
        && invocation == Some(token.invocation.as_str())
        && progress.sequence == token.sequence
        // A paused execution's function was told that no more may come.
        && progress.status != Status::Paused;
    if is_current { Ok(()) } else { invalid(STALE) }
}

/// The answer to a checkpoint that was taken already and is asked for again.
pub(crate) fn repeated(draft: &Draft<'_>, asked: &Checkpoint<'_>) -> Option<Answer> {
    let last = draft.base.progress.last.as_ref()?;
    let is_same = asked.client_token == Some(last.client_token.as_str())
        && asked.token == last.token
        && draft.now.since(last.at) < REPEATABLE
        && draft.base.progress.status.is_open();
    let show = |id: &String| Some(show::operation(draft.operation(draft.find(id)?), Moments::Seconds));
    is_same.then(|| Answer {
        token: Some(last.next.clone()),
        operations: last.operations.iter().filter_map(show).collect(),
    })
}

/// Takes a checkpoint. `find` says what is behind a chained invocation.
pub(crate) fn apply(
    draft: &mut Draft<'_>,
    asked: &Checkpoint<'_>,
    mut find: impl FnMut(&Invoke) -> Target,
) -> Result<Answer, Invalid> {
    must_be_current(draft.base, asked.token)?;
    rules::batch(asked.updates)?;
    for update in asked.updates {
        rules::update(draft, update)?;
        one(draft, update, &mut find)?;
    }
    must_fit(draft)?;
    let base = draft.base;
    if !draft.change.progress.status.is_open() {
        return Ok(Answer { token: None, operations: unseen(draft).0 });
    }
    let by_function = draft.change.progress.changes;
    control::due(draft);
    draft.progress().sequence += 1;
    if draft.change.progress.status == Status::Pausing {
        // Without a token the function can go no further, and says that it is pending.
        control::paused(draft, true);
        return Ok(Answer { token: None, operations: Vec::new() });
    }
    let invocation = base.progress.invocation.as_ref().map_or("", |invocation| &invocation.id);
    let next = CheckpointToken::encode(&base.identity.id, invocation, draft.change.progress.sequence);
    let (operations, ids) = unseen(draft);
    let others = base.progress.changes > base.progress.seen || draft.change.progress.changes > by_function;
    let (now, progress) = (draft.now, draft.progress());
    progress.seen = progress.changes;
    progress.unanswered = others || (progress.unanswered && asked.updates.is_empty());
    progress.last = asked.client_token.map(|client_token| LastCheckpoint {
        client_token: client_token.to_owned(),
        token: asked.token.to_owned(),
        next: next.clone(),
        operations: ids,
        at: now,
    });
    Ok(Answer { token: Some(next), operations })
}

/// What the function has not been told of yet.
fn unseen(draft: &Draft<'_>) -> (Vec<Value>, Vec<String>) {
    let seen = draft.change.progress.seen;
    let new = draft.operations().filter(|operation| operation.changed > seen);
    new.map(|operation| (show::operation(operation, Moments::Seconds), operation.id.clone())).unzip()
}

/// AWS's quotas of an execution.
fn must_fit(draft: &Draft<'_>) -> Result<(), Invalid> {
    if draft.count() > rules::OPERATIONS {
        return invalid(format!(
            "The durable execution has exceeded the maximum of {} operations.",
            rules::OPERATIONS
        ));
    }
    if draft.change.progress.written > rules::WRITTEN {
        return invalid(format!(
            "The durable execution has exceeded the maximum of {} bytes of data.",
            rules::WRITTEN
        ));
    }
    Ok(())
}

fn one(
    draft: &mut Draft<'_>,
    update: &Update,
    find: &mut impl FnMut(&Invoke) -> Target,
) -> Result<(), Invalid> {
    let size =
        update.payload.as_ref().map_or(0, String::len) + update.error.as_ref().map_or(0, ErrorObject::size);
    draft.progress().written += size as u64;
    match update.kind {
        Kind::Execution => execution(draft, update),
        Kind::Context => context(draft, update)?,
        Kind::Step => step(draft, update)?,
        Kind::Wait => wait(draft, update)?,
        Kind::Callback => callback(draft, update)?,
        Kind::ChainedInvoke => chained(draft, update, find)?,
    }
    Ok(())
}

/// A new operation, started.
fn start(draft: &mut Draft<'_>, update: &Update, details: Details) -> usize {
    let now = draft.now;
    draft.add(Operation {
        id: update.id.clone(),
        parent: update.parent.clone(),
        name: update.name.clone(),
        sub_type: update.sub_type.clone(),
        status: OperationStatus::Started,
        started: now,
        ended: None,
        changed: 0,
        input: None,
        result: None,
        error: None,
        details,
    })
}

fn execution(draft: &mut Draft<'_>, update: &Update) {
    let outcome = Outcome { result: update.payload.clone(), error: update.error.clone() };
    let status = if update.action == Action::Succeed { Status::Succeeded } else { Status::Failed };
    control::end(draft, status, outcome);
}

fn context(draft: &mut Draft<'_>, update: &Update) -> Result<(), Invalid> {
    let current = draft.find(&update.id);
    if update.action == Action::Start {
        if current.is_some() {
            return invalid("Cannot start a CONTEXT that already exist.");
        }
        let at = start(draft, update, Details::Context { replay_children: false });
        draft.operation_event(at, "ContextStarted", json!({}));
        return Ok(());
    }
    let at = match current {
        Some(at) if draft.operation(at).status == OperationStatus::Started => at,
        Some(_) => return invalid("Invalid current CONTEXT state to close."),
        // It may be told of for the first time when it ends.
        None => start(draft, update, Details::Context { replay_children: false }),
    };
    let now = draft.now;
    let context = draft.edit(at);
    context.details = Details::Context { replay_children: update.replay_children == Some(true) };
    context.ended = Some(now);
    if update.action == Action::Succeed {
        context.status = OperationStatus::Succeeded;
        context.result.clone_from(&update.payload);
        let details = json!({ "Result": history::payload(update.payload.as_deref()) });
        draft.operation_event(at, "ContextSucceeded", details);
    } else {
        context.status = OperationStatus::Failed;
        context.error.clone_from(&update.error);
        let details = json!({ "Error": history::error(update.error.as_ref()) });
        draft.operation_event(at, "ContextFailed", details);
    }
    Ok(())
}

fn step(draft: &mut Draft<'_>, update: &Update) -> Result<(), Invalid> {
    let current = draft.find(&update.id);
    rules::step(current.map(|at| draft.operation(at).status), update)?;
    let at = match current {
        Some(at) => at,
        // It may be told of for the first time when it ends.
        None => start(draft, update, Details::Step { attempt: 0, next: None }),
    };
    let now = draft.now;
    let step = draft.edit(at);
    if update.action == Action::Start {
        step.status = OperationStatus::Started;
        draft.operation_event(at, "StepStarted", json!({}));
        return Ok(());
    }
    let before = if let Details::Step { attempt, .. } = step.details { attempt } else { 0 };
    let next = update.retry_after.filter(|_| update.action == Action::Retry);
    let wait = next.map(|seconds| now.plus(Duration::from_secs(seconds.into())));
    step.details = Details::Step { attempt: before + 1, next: wait };
    step.result.clone_from(&update.payload);
    step.error.clone_from(&update.error);
    step.status = match update.action {
        Action::Retry => OperationStatus::Pending,
        Action::Succeed => OperationStatus::Succeeded,
        Action::Start | Action::Fail | Action::Cancel => OperationStatus::Failed,
    };
    if !step.status.is_open() {
        step.ended = Some(now);
    }
    // An attempt that asks for the next without an error went well: a condition that is looked at again.
    let failed = update.action == Action::Fail || (update.action == Action::Retry && update.error.is_some());
    let mut details = json!({ "RetryDetails": { "CurrentAttempt": before + 1 } });
    if let Some(seconds) = next {
        details["RetryDetails"]["NextAttemptDelaySeconds"] = seconds.into();
    }
    if failed {
        details["Error"] = history::error(update.error.as_ref());
    } else {
        details["Result"] = history::payload(update.payload.as_deref());
    }
    draft.operation_event(at, if failed { "StepFailed" } else { "StepSucceeded" }, details);
    Ok(())
}

fn wait(draft: &mut Draft<'_>, update: &Update) -> Result<(), Invalid> {
    let current = draft.find(&update.id);
    let now = draft.now;
    if update.action == Action::Start {
        if current.is_some() {
            return invalid("Cannot start a WAIT that already exist.");
        }
        let Some(seconds) = update.wait else {
            return invalid("Update for WAIT operation requires WaitOptions.");
        };
        let until = now.plus(Duration::from_secs(seconds.into()));
        let at = start(draft, update, Details::Wait { seconds, until });
        let details = json!({ "Duration": seconds, "ScheduledEndTimestamp": until.epoch_seconds() });
        draft.operation_event(at, "WaitStarted", details);
        return Ok(());
    }
    let Some(at) = current.filter(|at| draft.operation(*at).status == OperationStatus::Started) else {
        return invalid("Cannot cancel a WAIT that does not exist or has already completed.");
    };
    let wait = draft.edit(at);
    wait.status = OperationStatus::Cancelled;
    wait.ended = Some(now);
    let details = update
        .error
        .as_ref()
        .map_or_else(Map::new, |error| Map::from_iter([("Error".to_owned(), history::error(Some(error)))]));
    draft.operation_event(at, "WaitCancelled", details.into());
    Ok(())
}

fn callback(draft: &mut Draft<'_>, update: &Update) -> Result<(), Invalid> {
    if draft.find(&update.id).is_some() {
        return invalid("Cannot start a CALLBACK that already exist.");
    }
    let now = draft.now;
    let after = |seconds: u32| now.plus(Duration::from_secs(seconds.into()));
    let [timeout, heartbeat] = update.timeouts;
    let callback_id = token::callback_id(&draft.base.identity.id, &update.id);
    let mut details = json!({ "CallbackId": callback_id });
    if let Some(seconds) = timeout {
        details["Timeout"] = seconds.into();
    }
    if let Some(seconds) = heartbeat {
        details["HeartbeatTimeout"] = seconds.into();
    }
    let kept = Details::Callback {
        callback_id,
        deadline: timeout.map(after),
        heartbeat: heartbeat.map(|seconds| (seconds, after(seconds))),
    };
    let at = start(draft, update, kept);
    draft.operation_event(at, "CallbackStarted", details);
    Ok(())
}

fn chained(
    draft: &mut Draft<'_>,
    update: &Update,
    find: &mut impl FnMut(&Invoke) -> Target,
) -> Result<(), Invalid> {
    if draft.find(&update.id).is_some() {
        return invalid("Cannot start a CHAINED_INVOKE operation that already exists.");
    }
    let Some(invoke) = &update.invoke else {
        return invalid("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.");
    };
    must_be_here(draft, &invoke.function)?;
    let target = find(invoke);
    let mut shown = json!({ "FunctionName": invoke.function });
    if let Some(tenant) = &invoke.tenant {
        shown["TenantId"] = tenant.as_str().into();
    }
    let (mut child, mut request) = (None, None);
    match &target {
        Target::Durable { version, id, arn } => {
            shown["ExecutedVersion"] = version.as_str().into();
            shown["DurableExecutionArn"] = arn.as_str().into();
            child = Some(id.clone());
        }
        Target::Plain { version, request_id } => {
            shown["ExecutedVersion"] = version.as_str().into();
            request = Some(request_id.clone());
        }
        Target::Refused(_) => {}
    }
    let details = Details::ChainedInvoke {
        function: invoke.function.clone(),
        tenant: invoke.tenant.clone(),
        trace: invoke.trace.clone(),
        child,
        request_id: request,
    };
    let at = start(draft, update, details);
    if !matches!(target, Target::Refused(_)) {
        shown["Input"] = history::payload(update.payload.as_deref());
        draft.quietly(at).input.clone_from(&update.payload);
    }
    draft.operation_event(at, "ChainedInvokeStarted", shown);
    match target {
        Target::Durable { .. } => {}
        Target::Plain { .. } => {
            draft.change.effects.push(Effect::RunFunction { operation: update.id.clone() });
        }
        Target::Refused(error) => {
            let outcome = Outcome { result: None, error: Some(error) };
            control::chained_ended(draft, at, OperationStatus::Failed, outcome);
        }
    }
    Ok(())
}

/// A function of another account or region cannot be invoked.
fn must_be_here(draft: &Draft<'_>, function: &str) -> Result<(), Invalid> {
    let identity = &draft.base.identity;
    let Some(rest) = function.strip_prefix("arn:") else { return Ok(()) };
    let parts: Vec<&str> = rest.split(':').collect();
    if parts.get(2).is_some_and(|region| **region != identity.region) {
        return invalid("Cannot start a CHAINED_INVOKE on a function in another region.");
    }
    if parts.get(3).is_some_and(|account| **account != identity.account) {
        return invalid("Cannot start a CHAINED_INVOKE on a function in another account.");
    }
    Ok(())
}
