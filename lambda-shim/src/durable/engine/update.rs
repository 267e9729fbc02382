//! Updates: what a function says in a checkpoint. The wire has checked the model's constraints.

use serde_json::Value;

use super::operation::{ErrorObject, Kind};

/// What is done to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Succeed,
    Fail,
    Retry,
    Cancel,
}

/// One update of one operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) sub_type: Option<String>,
    pub(crate) action: Action,
    pub(crate) payload: Option<String>,
    pub(crate) error: Option<ErrorObject>,
    pub(crate) replay_children: Option<bool>,
    /// `StepOptions.NextAttemptDelaySeconds`.
    pub(crate) retry_after: Option<u32>,
    /// `WaitOptions.WaitSeconds`.
    pub(crate) wait: Option<u32>,
    /// `CallbackOptions`: the timeout and that of the heartbeat, where there is one.
    pub(crate) timeouts: [Option<u32>; 2],
    pub(crate) invoke: Option<Invoke>,
}

/// `ChainedInvokeOptions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invoke {
    pub(crate) function: String,
    pub(crate) tenant: Option<String>,
    pub(crate) trace: Option<String>,
}

impl Update {
    /// From a member of `Updates`.
    pub(crate) fn read(given: &Value) -> Option<Self> {
        let text = |name: &str| given[name].as_str().map(str::to_owned);
        let seconds = |value: &Value| value.as_u64().and_then(|seconds| u32::try_from(seconds).ok());
        let some = |value: &Value| seconds(value).filter(|seconds| *seconds > 0);
        let callback = &given["CallbackOptions"];
        let invoke = &given["ChainedInvokeOptions"];
        Some(Self {
            id: text("Id")?,
            parent: text("ParentId"),
            name: text("Name"),
            kind: serde_json::from_value(given["Type"].clone()).ok()?,
            sub_type: text("SubType"),
            action: match given["Action"].as_str()? {
                "START" => Action::Start,
                "SUCCEED" => Action::Succeed,
                "FAIL" => Action::Fail,
                "RETRY" => Action::Retry,
                "CANCEL" => Action::Cancel,
                _ => return None,
            },
            payload: text("Payload"),
            error: error(&given["Error"]),
            replay_children: given["ContextOptions"]["ReplayChildren"].as_bool(),
            retry_after: seconds(&given["StepOptions"]["NextAttemptDelaySeconds"]),
            wait: seconds(&given["WaitOptions"]["WaitSeconds"]),
            timeouts: [some(&callback["TimeoutSeconds"]), some(&callback["HeartbeatTimeoutSeconds"])],
            invoke: invoke["FunctionName"].as_str().map(|function| Invoke {
                function: function.to_owned(),
                tenant: invoke["TenantId"].as_str().map(str::to_owned),
                trace: invoke["XAmznTraceId"].as_str().map(str::to_owned),
            }),
        })
    }
}

/// An `ErrorObject`, if one was given.
pub(crate) fn error(given: &Value) -> Option<ErrorObject> {
    given.is_object().then(|| serde_json::from_value(given.clone()).unwrap_or_default())
}

/// The same of a member that may be there.
pub(crate) fn error_of(given: &Value) -> Option<ErrorObject> {
    error(given).filter(|error| *error != ErrorObject::default())
}
