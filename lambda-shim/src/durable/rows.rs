//! Executions as they are stored: a small row of each, rows of its operations, its events and its outcome.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::{Batch, Key, Store, StoreError, Table};

use super::engine::{
    draft::Change,
    execution::{Execution, Identity, Outcome, Progress},
    history::Event,
    operation::Operation,
};

const EXECUTIONS: Table = Table("lambda.durable.executions");
const OPERATIONS: Table = Table("lambda.durable.operations");
const EVENTS: Table = Table("lambda.durable.events");
const OUTCOMES: Table = Table("lambda.durable.outcomes");

/// The format of stored rows; a reader refuses newer ones.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Row<'a> {
    format: u32,
    identity: &'a Identity,
    progress: &'a Progress,
}

#[derive(Deserialize)]
struct StoredRow {
    format: u32,
    identity: Identity,
    progress: Progress,
}

fn key(identity: &Identity) -> Key {
    Key::new().text(&identity.account).text(&identity.region).text(&identity.id)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError::Damaged(format!("a row of a durable execution: {error}")))
}

/// Writes a change.
pub(crate) fn write(identity: &Identity, change: &Change, batch: &mut Batch) -> Result<(), StoreError> {
    let row = Row { format: FORMAT, identity, progress: &change.progress };
    batch.put(EXECUTIONS, key(identity), json(&row)?);
    for (at, operation) in &change.operations {
        batch.put(OPERATIONS, key(identity).number(*at as u64), json(operation)?);
    }
    for event in &change.events {
        batch.put(EVENTS, key(identity).number(event.id()), json(event)?);
    }
    if let Some(outcome) = &change.outcome {
        batch.put(OUTCOMES, key(identity), json(outcome)?);
    }
    Ok(())
}

/// Removes everything of an execution.
pub(crate) fn remove(identity: &Identity, batch: &mut Batch) {
    batch.delete(EXECUTIONS, key(identity)).delete(OUTCOMES, key(identity));
    batch.delete_prefix(OPERATIONS, key(identity)).delete_prefix(EVENTS, key(identity));
}

/// What came of an execution that has ended.
pub(crate) fn outcome(store: &Store, identity: &Identity) -> Result<Outcome, StoreError> {
    let found = store.get(OUTCOMES, &key(identity))?;
    found.map_or_else(|| Ok(Outcome::default()), |value| read(&value))
}

/// The execution's input, which its first operation has.
pub(crate) fn input(store: &Store, identity: &Identity) -> Result<Option<String>, StoreError> {
    let Some(value) = store.get(OPERATIONS, &key(identity).number(0))? else { return Ok(None) };
    Ok(read::<Operation>(&value)?.input)
}

/// At most `limit` events from behind the one of the number `after`, or from before it where they go `backwards`.
pub(crate) fn events(
    store: &Store,
    identity: &Identity,
    (after, limit): (Option<u64>, usize),
    backwards: bool,
) -> Result<Vec<Event>, StoreError> {
    let prefix = key(identity);
    let from = after.map(|after| prefix.clone().number(after));
    let from = from.as_ref().map(Key::as_bytes);
    let rows = if backwards {
        store.scan_backwards(EVENTS, &prefix, from, limit)?
    } else {
        store.scan(EVENTS, &prefix, from, limit)?
    };
    rows.iter().map(|(_, value)| read(value)).collect()
}

/// All executions there are; operations only of those that go on.
pub(crate) fn load(store: &Store, mut each: impl FnMut(Execution)) -> Result<(), StoreError> {
    let mut after: Option<Bytes> = None;
    loop {
        let rows = store.scan(EXECUTIONS, &Key::new(), after.as_deref(), 500)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = Some(last.clone());
        for (_, value) in &rows {
            let row: StoredRow = read(value)?;
            if row.format > FORMAT {
                return Err(StoreError::Damaged(
                    "a durable execution's row was written by a newer Tule".to_owned(),
                ));
            }
            let operations = if row.progress.status.is_open() {
                let rows = store.scan(OPERATIONS, &key(&row.identity), None, usize::MAX)?;
                rows.iter().map(|(_, value)| read(value)).collect::<Result<_, _>>()?
            } else {
                Vec::new()
            };
            each(Execution::load(Arc::new(row.identity), row.progress, operations));
        }
    }
}
