//! The history that users see: events, their types and their details, as GetExecutionHistory shows them.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

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
}

/// An event as GetExecutionHistory answers it; without inputs and outputs unless `with_data`.
#[derive(Debug, Clone, Copy)]
pub struct ShownEvent<'e> {
    /// The event.
    pub event: &'e HistoryEvent,
    /// Whether its inputs and outputs are shown.
    pub with_data: bool,
}

impl Serialize for ShownEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { event, with_data } = *self;
        let mut members = serializer.serialize_map(None)?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double until the year 287396")]
        members.serialize_entry("timestamp", &(event.timestamp.0 as f64 / 1000.0))?;
        members.serialize_entry("type", event.event_type.as_str())?;
        members.serialize_entry("id", &event.id)?;
        members.serialize_entry("previousEventId", &event.previous_event_id)?;
        if !event.details.is_none() {
            let details = ShownDetails { details: &event.details, with_data };
            members.serialize_entry(&*event.details_name(), &details)?;
        }
        members.end()
    }
}

struct ShownDetails<'e> {
    details: &'e Details,
    with_data: bool,
}

impl Serialize for ShownDetails<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = Members { map: serializer.serialize_map(None)?, with_data: self.with_data };
        match self.details {
            Details::None => {}
            Details::ExecutionStarted { input, role_arn, alias_arn, version_arn } => {
                members.data("input", "inputDetails", input)?;
                members.put("roleArn", &**role_arn)?;
                members.optional("stateMachineAliasArn", alias_arn.as_deref())?;
                members.optional("stateMachineVersionArn", version_arn.as_deref())?;
            }
            Details::Output { output } => members.output(output)?,
            Details::Failed { error, cause } => members.failure(error.as_deref(), cause.as_deref())?,
            Details::StateEntered { name, input } => {
                members.put("name", &**name)?;
                members.data("input", "inputDetails", input)?;
            }
            Details::StateExited { name, output, assigned } => {
                members.put("name", &**name)?;
                members.output(output)?;
                members.assigned(assigned.as_ref())?;
            }
            Details::MapStarted { length } => members.put("length", length)?,
            Details::MapIteration { name, index } => {
                members.put("name", &**name)?;
                members.put("index", index)?;
            }
            Details::MapRunStarted { arn } => members.put("mapRunArn", &**arn)?,
            Details::MapRunRedriven { arn, count } => {
                members.put("mapRunArn", &**arn)?;
                members.put("redriveCount", count)?;
            }
            Details::Redriven { count } => members.put("redriveCount", count)?,
            Details::LambdaScheduled { .. }
            | Details::ActivityScheduled { .. }
            | Details::ActivityStarted { .. }
            | Details::TaskScheduled { .. }
            | Details::TaskStarted { .. }
            | Details::TaskOutput { .. }
            | Details::TaskFailed { .. } => members.task(self.details)?,
            Details::EvaluationFailed { state, location, error, cause } => {
                members.put("state", &**state)?;
                members.optional("location", location.as_deref())?;
                members.failure(Some(error), Some(cause))?;
            }
        }
        members.map.end()
    }
}

/// Members in the making.
struct Members<M> {
    map: M,
    with_data: bool,
}

impl<M: SerializeMap> Members<M> {
    fn put<V: Serialize + ?Sized>(&mut self, name: &str, value: &V) -> Result<(), M::Error> {
        self.map.serialize_entry(name, value)
    }

    fn optional<V: Serialize>(&mut self, name: &str, value: Option<V>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.put(name, &value))
    }

    /// An input or output, and whether it is whole.
    fn data(&mut self, name: &str, details: &str, value: &str) -> Result<(), M::Error> {
        if self.with_data {
            self.put(name, value)?;
        }
        self.put(details, &Whole { truncated: false })
    }

    fn output(&mut self, output: &str) -> Result<(), M::Error> {
        self.data("output", "outputDetails", output)
    }

    fn assigned(&mut self, assigned: Option<&BTreeMap<String, Text>>) -> Result<(), M::Error> {
        let Some(assigned) = assigned else { return Ok(()) };
        if self.with_data {
            self.put("assignedVariables", assigned)?;
        }
        self.put("assignedVariablesDetails", &Whole { truncated: false })
    }

    fn failure(&mut self, error: Option<&str>, cause: Option<&str>) -> Result<(), M::Error> {
        self.optional("error", error)?;
        self.optional("cause", cause)
    }

    fn resource(&mut self, resource_type: &str, resource: &str) -> Result<(), M::Error> {
        self.put("resourceType", resource_type)?;
        self.put("resource", resource)
    }

    fn credentials(&mut self, role_arn: Option<&str>) -> Result<(), M::Error> {
        self.optional("taskCredentials", role_arn.map(|role_arn| Credentials { role_arn }))
    }

    /// Those of a task of any kind.
    fn task(&mut self, details: &Details) -> Result<(), M::Error> {
        match details {
            Details::LambdaScheduled { resource, input, timeout, role_arn } => {
                self.put("resource", &**resource)?;
                self.data("input", "inputDetails", input)?;
                self.optional("timeoutInSeconds", *timeout)?;
                self.credentials(role_arn.as_deref())
            }
            Details::ActivityScheduled { resource, input, timeout, heartbeat } => {
                self.put("resource", &**resource)?;
                self.data("input", "inputDetails", input)?;
                self.optional("timeoutInSeconds", *timeout)?;
                self.optional("heartbeatInSeconds", *heartbeat)
            }
            Details::ActivityStarted { worker } => self.optional("workerName", worker.as_deref()),
            Details::TaskScheduled {
                resource_type,
                resource,
                region,
                parameters,
                timeout,
                heartbeat,
                role_arn,
            } => {
                self.resource(resource_type, resource)?;
                self.put("region", &**region)?;
                self.put("parameters", if self.with_data { &**parameters } else { "" })?;
                self.optional("timeoutInSeconds", *timeout)?;
                self.optional("heartbeatInSeconds", *heartbeat)?;
                self.credentials(role_arn.as_deref())
            }
            Details::TaskStarted { resource_type, resource } => self.resource(resource_type, resource),
            Details::TaskOutput { resource_type, resource, output } => {
                self.resource(resource_type, resource)?;
                self.output(output)
            }
            Details::TaskFailed { resource_type, resource, error, cause } => {
                self.resource(resource_type, resource)?;
                self.failure(error.as_deref(), cause.as_deref())
            }
            Details::None
            | Details::ExecutionStarted { .. }
            | Details::Output { .. }
            | Details::Failed { .. }
            | Details::StateEntered { .. }
            | Details::StateExited { .. }
            | Details::MapStarted { .. }
            | Details::MapIteration { .. }
            | Details::MapRunStarted { .. }
            | Details::MapRunRedriven { .. }
            | Details::Redriven { .. }
            | Details::EvaluationFailed { .. } => Ok(()),
        }
    }
}

/// AWS cuts data that is too long for an answer; what Tule keeps is whole.
#[derive(Serialize)]
struct Whole {
    truncated: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Credentials<'a> {
    role_arn: &'a str,
}

impl HistoryEvent {
    /// The event as GetExecutionHistory answers it; without inputs and outputs unless `with_data`.
    pub fn members(&self, with_data: bool) -> Value {
        serde_json::to_value(ShownEvent { event: self, with_data })
            .expect("an event has texts for keys and finite numbers")
    }

    /// The member of the event's shape that its details stand under.
    fn details_name(&self) -> Cow<'static, str> {
        match self.details {
            Details::StateEntered { .. } => Cow::Borrowed("stateEnteredEventDetails"),
            Details::StateExited { .. } => Cow::Borrowed("stateExitedEventDetails"),
            _ => {
                let name = self.event_type.as_str();
                Cow::Owned(format!("{}{}EventDetails", name[..1].to_ascii_lowercase(), &name[1..]))
            }
        }
    }
}
