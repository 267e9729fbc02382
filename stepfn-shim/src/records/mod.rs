//! What is stored: records with a version number, their tables and keys.
//!
//! Keys begin with account and region. A state machine's definition is kept by revision, since executions go on with
//! the one they were started with, and outlive the machine.

mod execution;
mod map_run;
mod state_machine;

pub(crate) use execution::{Entry, ExecutionKey, ExecutionRecord, Pending, Redrivable, Summary};
pub(crate) use map_run::{ChildOf, ChildRow, MapRunKey, MapRunRecord, MapRunStatus};
pub(crate) use state_machine::{
    ActivityRecord, AliasRecord, Machine, MachineRecord, Revision, RevisionRecord, Route, VersionRecord,
};

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::Scope;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Key, Table};

use crate::errors;

pub(crate) const MACHINES: Table = Table("stepfunctions.machines");
pub(crate) const REVISIONS: Table = Table("stepfunctions.revisions");
pub(crate) const EXECUTIONS: Table = Table("stepfunctions.executions");
/// Summaries of executions by machine, the newest first: what ListExecutions pages through.
pub(crate) const BY_START: Table = Table("stepfunctions.executions-by-start");
/// Blocks of events by the id of their first one.
pub(crate) const HISTORY: Table = Table("stepfunctions.history");
/// Signals of running executions, in their order.
pub(crate) const JOURNAL: Table = Table("stepfunctions.journal");
/// Snapshots of running executions, and the journal's place they were taken at.
pub(crate) const SNAPSHOTS: Table = Table("stepfunctions.snapshots");
/// Timers and outstanding tasks of running executions: all that a start has to read.
pub(crate) const PENDING: Table = Table("stepfunctions.pending");
pub(crate) const ACTIVITIES: Table = Table("stepfunctions.activities");

pub(crate) const MAP_RUNS: Table = Table("stepfunctions.map-runs");
/// What Map Runs were started with.
pub(crate) const MAP_RUN_SPECS: Table = Table("stepfunctions.map-run-specs");
/// The inputs of a Map Run's children in pages, by the index of the first child of each.
pub(crate) const MAP_INPUTS: Table = Table("stepfunctions.map-run-inputs");
/// The children of a Map Run that were started, by their index.
pub(crate) const MAP_CHILDREN: Table = Table("stepfunctions.map-run-children");
/// The ARNs of an execution's Map Runs, the newest first.
pub(crate) const MAP_RUNS_OF: Table = Table("stepfunctions.map-runs-by-execution");
/// The Map Runs that have not ended: what a start has to look at.
pub(crate) const MAP_RUNS_LIVE: Table = Table("stepfunctions.map-runs-live");
/// Executions that are to be stopped because what started them was.
pub(crate) const TO_STOP: Table = Table("stepfunctions.executions-to-stop");

/// The format of all records here.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Stored<'r, R> {
    v: u32,
    #[serde(flatten)]
    record: &'r R,
}

#[derive(Deserialize)]
struct Found<R> {
    v: u32,
    #[serde(flatten)]
    record: R,
}

/// A record as it is stored.
pub(crate) fn write(record: &impl Serialize) -> Result<Bytes, ServiceError> {
    serde_json::to_vec(&Stored { v: FORMAT, record })
        .map(Bytes::from)
        .map_err(|_| errors::damaged("a resource"))
}

/// A record as it was stored.
pub(crate) fn read<R: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<R, ServiceError> {
    let found: Found<R> = serde_json::from_slice(bytes).map_err(|_| errors::damaged(what))?;
    if found.v == FORMAT { Ok(found.record) } else { Err(errors::damaged(what)) }
}

/// The beginning of all keys of a scope.
pub(crate) fn scope_key(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

/// The scope a key begins with, and the texts that follow.
pub(crate) fn key_parts(key: &[u8], count: usize) -> Option<(Scope, Vec<String>)> {
    let (mut texts, _) = Key::texts(key, count + 2)?;
    let rest = texts.split_off(2);
    Some((Scope::new(&texts[0], &texts[1]), rest))
}
