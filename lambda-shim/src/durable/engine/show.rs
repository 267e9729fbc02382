//! Operations as they are answered: to the API with moments as seconds, to a function in its event as milliseconds,
//! which is how AWS's SDKs read them.

use runtime::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    execution::Execution,
    operation::{Details, Operation},
};

/// How much one page of operations may measure. A function's event may have 6 MiB.
const PAGE_BYTES: usize = 5 << 20;
/// How many operations a function's event has at most.
pub(crate) const EVENT_OPERATIONS: usize = 1000;

/// How moments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    Seconds,
    Millis,
}

impl Moments {
    fn write(self, at: Timestamp) -> Value {
        match self {
            Self::Seconds => at.epoch_seconds().into(),
            Self::Millis => at.millis().into(),
        }
    }
}

/// `Operation`.
pub(crate) fn operation(operation: &Operation, moments: Moments) -> Value {
    let mut shown = Map::new();
    shown.insert("Id".into(), operation.id.as_str().into());
    let texts =
        [("ParentId", &operation.parent), ("Name", &operation.name), ("SubType", &operation.sub_type)];
    for (name, text) in texts {
        put(&mut shown, name, text.as_deref().map(Value::from));
    }
    shown.insert("Type".into(), operation.kind().name().into());
    shown.insert("Status".into(), operation.status.name().into());
    shown.insert("StartTimestamp".into(), moments.write(operation.started));
    put(&mut shown, "EndTimestamp", operation.ended.map(|at| moments.write(at)));
    let mut details = Map::new();
    let name = match &operation.details {
        Details::Execution => {
            put(&mut details, "InputPayload", operation.input.as_deref().map(Value::from));
            "ExecutionDetails"
        }
        Details::Context { replay_children } => {
            if !operation.status.is_open() {
                details.insert("ReplayChildren".into(), (*replay_children).into());
            }
            outcome(&mut details, operation);
            "ContextDetails"
        }
        Details::Step { attempt, next } => {
            details.insert("Attempt".into(), (*attempt).into());
            put(&mut details, "NextAttemptTimestamp", next.map(|at| moments.write(at)));
            outcome(&mut details, operation);
            "StepDetails"
        }
        Details::Wait { until, .. } => {
            details.insert("ScheduledEndTimestamp".into(), moments.write(*until));
            "WaitDetails"
        }
        Details::Callback { callback_id, .. } => {
            details.insert("CallbackId".into(), callback_id.as_str().into());
            outcome(&mut details, operation);
            "CallbackDetails"
        }
        Details::ChainedInvoke { .. } => {
            outcome(&mut details, operation);
            "ChainedInvokeDetails"
        }
    };
    shown.insert(name.into(), details.into());
    shown.into()
}

fn outcome(details: &mut Map<String, Value>, operation: &Operation) {
    put(details, "Result", operation.result.as_deref().map(Value::from));
    put(details, "Error", operation.error.as_ref().map(|error| json!(error)));
}

fn put(members: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), value);
    }
}

/// At most `limit` of `operations` from the place `from`, no more than fit on a page but one at least, and the place
/// at which the next page begins.
pub(crate) fn page<'a>(
    operations: impl Iterator<Item = (usize, &'a Operation)>,
    (from, limit): (usize, usize),
    moments: Moments,
) -> (Vec<Value>, Option<usize>) {
    let (mut shown, mut size) = (Vec::new(), 0);
    for (at, found) in operations.skip_while(|(at, _)| *at < from) {
        size += weight(found);
        if shown.len() >= limit || (size > PAGE_BYTES && !shown.is_empty()) {
            return (shown, Some(at));
        }
        shown.push(operation(found, moments));
    }
    (shown, None)
}

/// About how many bytes an operation has when it is written.
fn weight(operation: &Operation) -> usize {
    let payloads = [&operation.input, &operation.result];
    let payloads: usize = payloads.into_iter().flatten().map(String::len).sum();
    payloads + operation.error.as_ref().map_or(0, super::operation::ErrorObject::size) + 400
}

/// The page of a running execution's state that begins at `from`.
pub(crate) fn state(execution: &Execution, from: usize, limit: usize) -> (Vec<Value>, Option<usize>) {
    let none = std::collections::BTreeMap::new();
    page(execution.visible(&none), (from, limit), Moments::Seconds)
}
