//! Map Runs and their children.

use std::sync::Arc;

use asl::{
    Status,
    map_run::{Counts, Limits, MapRunOutcome},
};
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use super::{ExecutionKey, Machine};

/// Which Map Run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MapRunKey {
    pub(crate) scope: Scope,
    /// The state machine's name with the label behind it: `machine/label`.
    pub(crate) machine: Arc<str>,
    pub(crate) id: Arc<str>,
}

impl MapRunKey {
    pub(crate) fn key(&self) -> Key {
        Machine::key(&self.scope, &self.machine).text(&self.id)
    }

    pub(crate) fn child(&self, index: u64) -> Key {
        self.key().number(index)
    }
}

/// Where a Map Run stands, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

impl MapRunStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// A Map Run as it is stored. What it was started with stands in a table of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MapRunRecord {
    /// The execution that started it.
    pub(crate) execution: Arc<str>,
    /// The revision of the state machine that children run.
    pub(crate) revision: String,
    /// Whether children are Express executions, which are not listed.
    pub(crate) express: bool,
    pub(crate) status: MapRunStatus,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) limits: Limits,
    pub(crate) redrives: u64,
    pub(crate) redriven: Option<Timestamp>,
    /// How many children and items there are, once the items are read.
    pub(crate) read: Option<(u64, u64)>,
    /// The counts at its end.
    pub(crate) children: Counts,
    pub(crate) items: Counts,
    /// How it ended, for the execution that waits for it.
    pub(crate) outcome: Option<MapRunOutcome>,
}

impl MapRunRecord {
    /// DescribeMapRun's answer.
    pub(crate) fn describe(&self, arn: &str) -> Value {
        let mut members = json!({
            "mapRunArn": arn,
            "executionArn": &*self.execution,
            "status": self.status.as_str(),
            "startDate": self.started.epoch_seconds(),
            "stopDate": self.stopped.map(Timestamp::epoch_seconds),
            "maxConcurrency": self.limits.max_concurrency,
            "toleratedFailurePercentage": self.limits.tolerated_percentage.unwrap_or(0.0),
            "toleratedFailureCount": self.limits.tolerated_count.unwrap_or(0),
            "itemCounts": self.counts(&self.items),
            "executionCounts": self.counts(&self.children),
        });
        // As recorded, a run that was never redriven shows nothing of redrives.
        if self.redrives > 0 {
            members["redriveCount"] = json!(self.redrives);
            members["redriveDate"] = json!(self.redriven.map(Timestamp::epoch_seconds));
        }
        members
    }

    fn counts(&self, counts: &Counts) -> Value {
        let mut members = json!({
            "pending": counts.pending,
            "running": counts.running,
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "timedOut": counts.timed_out,
            "aborted": counts.aborted,
            "total": counts.total,
            "resultsWritten": counts.results_written,
        });
        if self.redrives > 0 {
            members["failuresNotRedrivable"] = json!(counts.failures_not_redrivable);
            members["pendingRedrive"] = json!(counts.pending_redrive);
        }
        members
    }
}

/// The Map Run that an execution is a child of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChildOf {
    /// The run's ARN.
    pub(crate) map_run: Arc<str>,
    /// Its place among the children.
    pub(crate) index: u64,
    /// How many items it works on.
    pub(crate) items: u64,
    /// The place in the definition of the machine it runs.
    pub(crate) machine: usize,
    /// The redrive of the run in which it was started last; 0 is the first attempt.
    pub(crate) attempt: u64,
    /// The last part of the ARN of an Express child.
    pub(crate) suffix: Arc<str>,
}

/// What a Map Run keeps of a child: lists page through these, and results are made of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChildRow {
    pub(crate) name: Arc<str>,
    /// The last part of the ARN, of Express children.
    pub(crate) suffix: Option<Arc<str>>,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) items: u64,
    pub(crate) attempt: u64,
    pub(crate) redrives: u64,
    pub(crate) redriven: Option<Timestamp>,
    pub(crate) not_redrivable: bool,
    pub(crate) output: Option<Arc<str>>,
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
}

impl ChildRow {
    pub(crate) fn arn(&self, run: &MapRunKey) -> String {
        match &self.suffix {
            None => self.key(run).arn(),
            Some(suffix) => {
                run.scope.arn("states", &format!("express:{}:{}:{suffix}", run.machine, self.name))
            }
        }
    }

    pub(crate) fn key(&self, run: &MapRunKey) -> ExecutionKey {
        ExecutionKey {
            scope: run.scope.clone(),
            machine: Arc::clone(&run.machine),
            name: Arc::clone(&self.name),
        }
    }

    /// Its status as a list shows it: what ended badly waits to be redriven, if the run is being redriven.
    pub(crate) fn shown_status(&self, run: &MapRunRecord) -> &'static str {
        let badly = !matches!(self.status, Status::Running | Status::Succeeded);
        if badly && run.status == MapRunStatus::Running && self.attempt < run.redrives {
            return "PENDING_REDRIVE";
        }
        self.status.as_str()
    }

    /// An item of ListExecutions' answer.
    pub(crate) fn list_item(&self, run: &MapRunKey, arn: &str, status: &str) -> Value {
        let mut item = json!({
            "executionArn": self.arn(run),
            "stateMachineArn": Machine::arn(&run.scope, &run.machine),
            "name": &*self.name,
            "status": status,
            "startDate": self.started.epoch_seconds(),
            "stopDate": self.stopped.map(Timestamp::epoch_seconds),
            "mapRunArn": arn,
            "itemCount": self.items,
            "redriveCount": self.redrives,
        });
        if let Some(at) = self.redriven {
            item["redriveDate"] = json!(at.epoch_seconds());
        }
        item
    }
}
