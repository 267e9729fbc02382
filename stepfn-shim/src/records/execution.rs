//! Executions: the record users see, the summary lists page through, the journal, and what is pending.

use std::sync::Arc;

use asl::{Signal, Status, TimerId};
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use super::Machine;

/// Which execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ExecutionKey {
    pub(crate) scope: Scope,
    pub(crate) machine: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl ExecutionKey {
    pub(crate) fn arn(&self) -> String {
        self.scope.arn("states", &format!("execution:{}:{}", self.machine, self.name))
    }

    pub(crate) fn key(&self) -> Key {
        Machine::key(&self.scope, &self.machine).text(&self.name)
    }

    /// The key in the table of summaries: the newest execution of a machine comes first.
    pub(crate) fn by_start(&self, order: u64) -> Key {
        Machine::key(&self.scope, &self.machine).number(u64::MAX - order)
    }
}

/// An execution as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ExecutionRecord {
    /// The revision it runs.
    pub(crate) revision: String,
    pub(crate) input: Arc<str>,
    pub(crate) seed: u64,
    /// Its place among the machine's executions.
    pub(crate) order: u64,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) status: Status,
    pub(crate) output: Option<Arc<str>>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) trace_header: Option<String>,
    pub(crate) alias_arn: Option<Arc<str>>,
    pub(crate) version_arn: Option<Arc<str>>,
    /// The test case it runs under, whose states are mocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) test_case: Option<String>,
    /// The interpreter that began it.
    pub(crate) interpreter: u32,
}

/// What a list shows of an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) name: Arc<str>,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) alias_arn: Option<Arc<str>>,
    pub(crate) version_arn: Option<Arc<str>>,
}

/// A signal in the journal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) signal: Signal,
    pub(crate) at: asl::Timestamp,
}

/// What a running execution waits for.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) timers: Vec<(TimerId, asl::Timestamp)>,
    /// Whether there are tasks whose effect may have to be repeated, or a step that was not finished.
    pub(crate) effects: bool,
}

impl ExecutionRecord {
    pub(crate) fn summary(&self, name: &Arc<str>) -> Summary {
        Summary {
            name: Arc::clone(name),
            status: self.status,
            started: self.started,
            stopped: self.stopped,
            alias_arn: self.alias_arn.clone(),
            version_arn: self.version_arn.clone(),
        }
    }

    /// DescribeExecution's answer.
    pub(crate) fn describe(&self, key: &ExecutionKey, with_data: bool) -> Value {
        let mut members = json!({
            "executionArn": key.arn(),
            "stateMachineArn": Machine::arn(&key.scope, &key.machine),
            "name": &*key.name,
            "status": self.status.as_str(),
            "startDate": self.started.epoch_seconds(),
            "stopDate": self.stopped.map(Timestamp::epoch_seconds),
            "inputDetails": { "included": with_data },
            "error": self.error,
            "cause": self.cause,
            "traceHeader": self.trace_header,
            "stateMachineAliasArn": self.alias_arn.as_deref(),
            "stateMachineVersionArn": self.version_arn.as_deref(),
            "redriveCount": 0,
        });
        if with_data {
            members["input"] = json!(&*self.input);
        }
        if let Some(output) = &self.output {
            if with_data {
                members["output"] = json!(&**output);
            }
            members["outputDetails"] = json!({ "included": with_data });
        }
        // Redrive itself comes later; what AWS says of these executions is true of the ones it never takes.
        match self.status {
            Status::Running => {
                members["redriveStatus"] = json!("NOT_REDRIVABLE");
                members["redriveStatusReason"] = json!("Execution is RUNNING and cannot be redriven");
            }
            Status::Succeeded => {
                members["redriveStatus"] = json!("NOT_REDRIVABLE");
                members["redriveStatusReason"] = json!("Execution is SUCCEEDED and cannot be redriven");
            }
            Status::Failed | Status::TimedOut | Status::Aborted => {
                members["redriveStatus"] = json!("REDRIVABLE");
            }
        }
        members
    }
}

impl Summary {
    /// An item of ListExecutions' answer.
    pub(crate) fn list_item(&self, key: &ExecutionKey) -> Value {
        json!({
            "executionArn": key.arn(),
            "stateMachineArn": Machine::arn(&key.scope, &key.machine),
            "name": &*key.name,
            "status": self.status.as_str(),
            "startDate": self.started.epoch_seconds(),
            "stopDate": self.stopped.map(Timestamp::epoch_seconds),
            "stateMachineAliasArn": self.alias_arn.as_deref(),
            "stateMachineVersionArn": self.version_arn.as_deref(),
            "redriveCount": 0,
        })
    }
}
