//! Executions: the record users see, the summary lists page through, the journal, and what is pending.

use std::sync::Arc;

use asl::{Signal, Status, TimerId};
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use super::{ChildOf, ChildRow, Machine};

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

    /// The name of the state machine without the label that children of a Map Run have behind it.
    pub(crate) fn state_machine(&self) -> &str {
        self.machine.split('/').next().unwrap_or("")
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
    /// The Map Run it is a child of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) child: Option<ChildOf>,
    #[serde(default)]
    pub(crate) redrives: u64,
    #[serde(default)]
    pub(crate) redriven: Option<Timestamp>,
    /// The client tokens of the last redrives, and when they were used.
    #[serde(default)]
    pub(crate) redrive_tokens: Vec<(String, Timestamp)>,
    /// How many events it had when it ended.
    #[serde(default)]
    pub(crate) events: u64,
}

/// Whether an execution can be redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redrivable {
    Yes,
    /// Only by its Map Run.
    ByMapRun,
    /// Not, and why.
    No(&'static str),
}

/// How many events a history must be below to be redriven: one for the redrive itself, and one for what follows.
const MOST_EVENTS: u64 = 24_999;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// What a list shows of an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) name: Arc<str>,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) alias_arn: Option<Arc<str>>,
    pub(crate) version_arn: Option<Arc<str>>,
    #[serde(default)]
    pub(crate) redrives: u64,
    #[serde(default)]
    pub(crate) redriven: Option<Timestamp>,
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
    /// Whether it can be redriven, and if not, why not.
    pub(crate) fn redrivable(&self, now: Timestamp) -> Redrivable {
        match self.status {
            Status::Running => return Redrivable::No("Execution is RUNNING and cannot be redriven"),
            Status::Succeeded => return Redrivable::No("Execution is SUCCEEDED and cannot be redriven"),
            Status::Failed | Status::TimedOut | Status::Aborted => {}
        }
        if self.events >= MOST_EVENTS {
            return Redrivable::No("Execution history event limit exceeded");
        }
        if now.0 - self.started.0 > 365 * DAY {
            return Redrivable::No("Execution has exceeded the max execution time");
        }
        if self.stopped.is_some_and(|stopped| now.0 - stopped.0 > 14 * DAY) {
            return Redrivable::No("Execution redrivable period exceeded");
        }
        if self.child.is_some() { Redrivable::ByMapRun } else { Redrivable::Yes }
    }

    /// What its Map Run keeps of it.
    pub(crate) fn child_row(&self, name: &Arc<str>, child: &ChildOf, express: bool) -> ChildRow {
        ChildRow {
            name: Arc::clone(name),
            suffix: express.then(|| Arc::clone(&child.suffix)),
            status: self.status,
            started: self.started,
            stopped: self.stopped,
            items: child.items,
            attempt: child.attempt,
            redrives: self.redrives,
            redriven: self.redriven,
            not_redrivable: false,
            output: self.output.clone(),
            error: self.error.clone(),
            cause: self.cause.clone(),
        }
    }

    pub(crate) fn summary(&self, name: &Arc<str>) -> Summary {
        Summary {
            name: Arc::clone(name),
            status: self.status,
            started: self.started,
            stopped: self.stopped,
            alias_arn: self.alias_arn.clone(),
            version_arn: self.version_arn.clone(),
            redrives: self.redrives,
            redriven: self.redriven,
        }
    }

    /// DescribeExecution's answer.
    pub(crate) fn describe(&self, key: &ExecutionKey, with_data: bool, now: Timestamp) -> Value {
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
            "redriveCount": self.redrives,
            "redriveDate": self.redriven.map(Timestamp::epoch_seconds),
            "mapRunArn": self.child.as_ref().map(|child| &*child.map_run),
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
        let (status, reason) = self.redrive_status(now);
        members["redriveStatus"] = json!(status);
        if let Some(reason) = reason {
            members["redriveStatusReason"] = json!(reason);
        }
        members
    }

    /// Whether it can be redriven, in AWS's word, and why not.
    pub(crate) fn redrive_status(&self, now: Timestamp) -> (&'static str, Option<&'static str>) {
        match self.redrivable(now) {
            Redrivable::Yes => ("REDRIVABLE", None),
            Redrivable::ByMapRun => ("REDRIVABLE_BY_MAP_RUN", None),
            Redrivable::No(reason) => ("NOT_REDRIVABLE", Some(reason)),
        }
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
            "redriveCount": self.redrives,
            "redriveDate": self.redriven.map(Timestamp::epoch_seconds),
        })
    }
}
