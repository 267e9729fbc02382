//! The history that users see: events, their types and their details, as GetExecutionHistory shows them.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::time::Timestamp;

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Its place in the history, from 1.
    #[serde(rename = "i")]
    pub id: u64,
    /// The event that led to it; 0 for the first of the execution.
    #[serde(rename = "p")]
    pub previous_event_id: u64,
    /// When.
    #[serde(rename = "t")]
    pub timestamp: Timestamp,
    /// What happened.
    #[serde(rename = "e")]
    pub event_type: EventType,
    /// To what.
    #[serde(rename = "d", default, skip_serializing_if = "Details::is_none")]
    pub details: Details,
}

macro_rules! event_types {
    ($($name:ident)*) => {
        /// All types of events, by AWS's names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the names are AWS's, and say what happened")]
        pub enum EventType { $($name,)* }

        impl EventType {
            /// By AWS's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

event_types! {
    ActivityFailed ActivityScheduled ActivityScheduleFailed ActivityStarted ActivitySucceeded ActivityTimedOut
    ChoiceStateEntered ChoiceStateExited
    EvaluationFailed
    ExecutionAborted ExecutionFailed ExecutionRedriven ExecutionStarted ExecutionSucceeded ExecutionTimedOut
    FailStateEntered
    LambdaFunctionFailed LambdaFunctionScheduled LambdaFunctionScheduleFailed LambdaFunctionStarted
    LambdaFunctionStartFailed LambdaFunctionSucceeded LambdaFunctionTimedOut
    MapIterationAborted MapIterationFailed MapIterationStarted MapIterationSucceeded
    MapRunAborted MapRunFailed MapRunRedriven MapRunStarted MapRunSucceeded
    MapStateAborted MapStateEntered MapStateExited MapStateFailed MapStateStarted MapStateSucceeded
    ParallelStateAborted ParallelStateEntered ParallelStateExited ParallelStateFailed ParallelStateStarted
    ParallelStateSucceeded
    PassStateEntered PassStateExited
    SucceedStateEntered SucceedStateExited
    TaskFailed TaskScheduled TaskStarted TaskStartFailed TaskStateAborted TaskStateEntered TaskStateExited
    TaskSubmitFailed TaskSubmitted TaskSucceeded TaskTimedOut
    WaitStateAborted WaitStateEntered WaitStateExited
}

/// JSON text, shared with the payload it was made of.
pub type Text = Arc<str>;

/// What an event is about. Which member of the event these are shown under follows from its type.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of AWS's shapes")]
pub enum Details {
    #[default]
    None,
    ExecutionStarted {
        input: Text,
        role_arn: Text,
        alias_arn: Option<Text>,
        version_arn: Option<Text>,
    },
    Output {
        output: Text,
    },
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    StateEntered {
        name: Text,
        input: Text,
    },
    StateExited {
        name: Text,
        output: Text,
        assigned: Option<BTreeMap<String, Text>>,
    },
    MapStarted {
        length: usize,
    },
    MapIteration {
        name: Text,
        index: usize,
    },
    MapRunStarted {
        arn: Text,
    },
    MapRunRedriven {
        arn: Text,
        count: u64,
    },
    Redriven {
        count: u64,
    },
    LambdaScheduled {
        resource: Text,
        input: Text,
        timeout: Option<u64>,
        role_arn: Option<Text>,
    },
    ActivityScheduled {
        resource: Text,
        input: Text,
        timeout: Option<u64>,
        heartbeat: Option<u64>,
    },
    ActivityStarted {
        worker: Option<String>,
    },
    TaskScheduled {
        resource_type: Text,
        resource: Text,
        region: Text,
        parameters: Text,
        timeout: Option<u64>,
        heartbeat: Option<u64>,
        role_arn: Option<Text>,
    },
    TaskStarted {
        resource_type: Text,
        resource: Text,
    },
    TaskOutput {
        resource_type: Text,
        resource: Text,
        output: Text,
    },
    TaskFailed {
        resource_type: Text,
        resource: Text,
        error: Option<String>,
        cause: Option<String>,
    },
    EvaluationFailed {
        state: Text,
        location: Option<String>,
        error: String,
        cause: String,
    },
}

impl Details {
    fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    fn members(&self, with_data: bool) -> Option<Value> {
        let mut members = Members { map: Map::new(), with_data };
        match self {
            Self::None => return None,
            Self::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
                members.data("input", input);
                members.text("roleArn", role_arn);
                members.optional("stateMachineAliasArn", alias_arn.as_deref());
                members.optional("stateMachineVersionArn", version_arn.as_deref());
            }
            Self::Output { output } => members.data("output", output),
            Self::Failed { error, cause } => members.failure(error.as_deref(), cause.as_deref()),
            Self::StateEntered { name, input } => {
                members.text("name", name);
                members.data("input", input);
            }
            Self::StateExited { name, output, assigned } => {
                members.text("name", name);
                members.data("output", output);
                members.assigned(assigned.as_ref());
            }
            Self::MapStarted { length } => members.number("length", Some(*length as u64)),
            Self::MapIteration { name, index } => {
                members.text("name", name);
                members.number("index", Some(*index as u64));
            }
            Self::MapRunStarted { arn } => members.text("mapRunArn", arn),
            Self::MapRunRedriven { arn, count } => {
                members.text("mapRunArn", arn);
                members.number("redriveCount", Some(*count));
            }
            Self::Redriven { count } => members.number("redriveCount", Some(*count)),
            Self::LambdaScheduled { resource, input, timeout, role_arn } => {
                members.text("resource", resource);
                members.data("input", input);
                members.number("timeoutInSeconds", *timeout);
                members.credentials(role_arn.as_deref());
            }
            Self::ActivityScheduled { resource, input, timeout, heartbeat } => {
                members.text("resource", resource);
                members.data("input", input);
                members.number("timeoutInSeconds", *timeout);
                members.number("heartbeatInSeconds", *heartbeat);
            }
            Self::ActivityStarted { worker } => members.optional("workerName", worker.as_deref()),
            Self::TaskScheduled { .. }
            | Self::TaskStarted { .. }
            | Self::TaskOutput { .. }
            | Self::TaskFailed { .. } => self.task_members(&mut members),
            Self::EvaluationFailed { state, location, error, cause } => {
                members.text("state", state);
                members.optional("location", location.as_deref());
                members.failure(Some(error), Some(cause));
            }
        }
        Some(Value::Object(members.map))
    }

    /// Those of a service integration's task.
    fn task_members(&self, members: &mut Members) {
        match self {
            Self::TaskScheduled {
                resource_type,
                resource,
                region,
                parameters,
                timeout,
                heartbeat,
                role_arn,
            } => {
                members.resource(resource_type, resource);
                members.text("region", region);
                members.text("parameters", if members.with_data { parameters } else { "" });
                members.number("timeoutInSeconds", *timeout);
                members.number("heartbeatInSeconds", *heartbeat);
                members.credentials(role_arn.as_deref());
            }
            Self::TaskStarted { resource_type, resource } => members.resource(resource_type, resource),
            Self::TaskOutput { resource_type, resource, output } => {
                members.resource(resource_type, resource);
                members.data("output", output);
            }
            Self::TaskFailed { resource_type, resource, error, cause } => {
                members.resource(resource_type, resource);
                members.failure(error.as_deref(), cause.as_deref());
            }
            Self::None
            | Self::ExecutionStarted { .. }
            | Self::Output { .. }
            | Self::Failed { .. }
            | Self::StateEntered { .. }
            | Self::StateExited { .. }
            | Self::MapStarted { .. }
            | Self::MapIteration { .. }
            | Self::MapRunStarted { .. }
            | Self::MapRunRedriven { .. }
            | Self::Redriven { .. }
            | Self::LambdaScheduled { .. }
            | Self::ActivityScheduled { .. }
            | Self::ActivityStarted { .. }
            | Self::EvaluationFailed { .. } => {}
        }
    }
}

/// Members in the making.
struct Members {
    map: Map<String, Value>,
    with_data: bool,
}

impl Members {
    fn text(&mut self, name: &str, value: &str) {
        self.map.insert(name.into(), value.into());
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.map.insert(name.into(), value.into());
        }
    }

    /// An input or output, and whether it is whole.
    fn data(&mut self, name: &str, value: &str) {
        if self.with_data {
            self.text(name, value);
        }
        self.map.insert(format!("{name}Details"), json!({ "truncated": false }));
    }

    fn assigned(&mut self, assigned: Option<&BTreeMap<String, Text>>) {
        let Some(assigned) = assigned else { return };
        if self.with_data {
            let variables =
                assigned.iter().map(|(name, value)| (name.clone(), Value::from(&**value))).collect();
            self.map.insert("assignedVariables".into(), Value::Object(variables));
        }
        self.map.insert("assignedVariablesDetails".into(), json!({ "truncated": false }));
    }

    fn failure(&mut self, error: Option<&str>, cause: Option<&str>) {
        self.optional("error", error);
        self.optional("cause", cause);
    }

    fn resource(&mut self, resource_type: &str, resource: &str) {
        self.text("resourceType", resource_type);
        self.text("resource", resource);
    }

    fn credentials(&mut self, role_arn: Option<&str>) {
        if let Some(role_arn) = role_arn {
            self.map.insert("taskCredentials".into(), json!({ "roleArn": role_arn }));
        }
    }
}

impl HistoryEvent {
    /// The event as GetExecutionHistory answers it; without inputs and outputs unless `with_data`.
    pub fn members(&self, with_data: bool) -> Value {
        let mut event = Map::new();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double until the year 287396")]
        event.insert("timestamp".into(), json!(self.timestamp.0 as f64 / 1000.0));
        event.insert("type".into(), self.event_type.as_str().into());
        event.insert("id".into(), self.id.into());
        event.insert("previousEventId".into(), self.previous_event_id.into());
        if let Some(details) = self.details.members(with_data) {
            event.insert(self.details_name(), details);
        }
        Value::Object(event)
    }

    /// The member of the event's shape that its details stand under.
    fn details_name(&self) -> String {
        match self.details {
            Details::StateEntered { .. } => String::from("stateEnteredEventDetails"),
            Details::StateExited { .. } => String::from("stateExitedEventDetails"),
            _ => {
                let name = self.event_type.as_str();
                format!("{}{}EventDetails", name[..1].to_ascii_lowercase(), &name[1..])
            }
        }
    }
}
