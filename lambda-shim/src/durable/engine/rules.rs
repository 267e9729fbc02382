//! What a checkpoint may say. The texts are those of the service, as AWS's testing libraries for durable functions
//! (Apache-2.0) give them.

use std::collections::BTreeMap;

use super::{
    draft::Draft,
    operation::{Kind, OperationStatus},
    update::{Action, Update},
};

/// A checkpoint that is refused: why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Invalid(pub(crate) String);

pub(crate) fn invalid<T>(text: impl Into<String>) -> Result<T, Invalid> {
    Err(Invalid(text.into()))
}

/// AWS's quotas: operations, and bytes kept, of one execution.
pub(crate) const OPERATIONS: usize = 3000;
pub(crate) const WRITTEN: u64 = 100 << 20;

/// Bytes of an operation's payload, and of all fields of an error.
pub(crate) const PAYLOAD: usize = 1 << 20;
pub(crate) const ERROR: usize = 1 << 20;

/// What concerns the updates among themselves.
pub(crate) fn batch(updates: &[Update]) -> Result<(), Invalid> {
    let executions = updates.iter().filter(|update| update.kind == Kind::Execution).count();
    if executions > 1 {
        return invalid("Cannot checkpoint multiple EXECUTION updates.");
    }
    if executions == 1 && updates.last().is_some_and(|update| update.kind != Kind::Execution) {
        return invalid("EXECUTION checkpoint must be the last update.");
    }
    let mut seen: BTreeMap<&str, &Update> = BTreeMap::new();
    for update in updates.iter().filter(|update| update.kind != Kind::Execution) {
        if let Some(before) = seen.insert(&update.id, update) {
            // One that starts may end in the same breath.
            let ends = matches!(before.kind, Kind::Step | Kind::Context)
                && before.action == Action::Start
                && update.action != Action::Start;
            if !ends {
                return invalid("Cannot checkpoint multiple operations with the same ID.");
            }
        }
    }
    Ok(())
}

/// What concerns one update, before the operation is looked at that it changes.
pub(crate) fn update(draft: &Draft<'_>, update: &Update) -> Result<(), Invalid> {
    if let Some(parent) = &update.parent {
        let is_context = draft.find(parent).is_some_and(|at| draft.operation(at).kind() == Kind::Context);
        if !is_context {
            return invalid("Invalid parent operation id.");
        }
    }
    if let Some(at) = draft.find(&update.id) {
        consistent(draft, at, update)?;
    }
    sizes(draft, update)?;
    let is_right = match update.kind {
        Kind::Step => update.action != Action::Cancel,
        Kind::Context => matches!(update.action, Action::Start | Action::Succeed | Action::Fail),
        Kind::Wait => matches!(update.action, Action::Start | Action::Cancel),
        Kind::Callback | Kind::ChainedInvoke => update.action == Action::Start,
        Kind::Execution => matches!(update.action, Action::Succeed | Action::Fail),
    };
    if !is_right {
        return invalid("Invalid action for the given operation type.");
    }
    if update.action == Action::Succeed && update.error.is_some() {
        return invalid("Cannot provide an Error for SUCCEED action.");
    }
    if update.action == Action::Fail && update.payload.is_some() {
        return invalid("Cannot provide a Payload for FAIL action.");
    }
    Ok(())
}

/// An operation keeps what it was started with.
fn consistent(draft: &Draft<'_>, at: usize, update: &Update) -> Result<(), Invalid> {
    let current = draft.operation(at);
    let differs = |given: &Option<String>, kept: &Option<String>| given.is_some() && given != kept;
    if update.kind != current.kind() {
        return invalid("Inconsistent operation type.");
    }
    if differs(&update.sub_type, &current.sub_type) {
        return invalid("Inconsistent operation subtype.");
    }
    if differs(&update.name, &current.name) {
        return invalid("Inconsistent operation name.");
    }
    if differs(&update.parent, &current.parent) {
        return invalid("Inconsistent parent operation id.");
    }
    Ok(())
}

fn sizes(draft: &Draft<'_>, update: &Update) -> Result<(), Invalid> {
    if update.error.as_ref().is_some_and(|error| error.size() > ERROR) {
        return invalid(format!("Error object size must be less than or equal to {ERROR} bytes."));
    }
    let size = update.payload.as_ref().map_or(0, String::len);
    let (what, limit) = match update.kind {
        Kind::Execution => ("Execution output", draft.base.identity.result_limit()),
        Kind::ChainedInvoke => ("CHAINED_INVOKE input", PAYLOAD),
        other => (other.name(), PAYLOAD),
    };
    if size > limit {
        return invalid(format!("{what} payload size must be less than or equal to {limit} bytes."));
    }
    Ok(())
}

/// Whether a step may be what `action` makes of it.
pub(crate) fn step(status: Option<OperationStatus>, update: &Update) -> Result<(), Invalid> {
    let may = |allowed: &[OperationStatus], text: &str| match status {
        Some(status) if !allowed.contains(&status) => invalid(text),
        _ => Ok(()),
    };
    let running = [OperationStatus::Started, OperationStatus::Ready];
    match update.action {
        Action::Start => may(&[OperationStatus::Ready], "Invalid current STEP state to start."),
        Action::Succeed | Action::Fail => may(&running, "Invalid current STEP state to close."),
        Action::Retry => {
            may(&running, "Invalid current STEP state to re-attempt.")?;
            if update.retry_after.is_none() {
                return invalid("Invalid StepOptions for the given action.");
            }
            if update.error.is_some() && update.payload.is_some() {
                return invalid("Cannot provide both error and payload to RETRY a STEP.");
            }
            Ok(())
        }
        Action::Cancel => invalid("Invalid STEP action."),
    }
}
