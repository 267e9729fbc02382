//! What one step writes, in one batch.

use asl::{Command, HistoryEvent, Pattern, Resource, Signal, Status, Step};
use aws_wire::ServiceError;
use bytes::Bytes;
use store::{Batch, Commit, Key};

use super::{Live, Running};
use crate::{
    arn, errors,
    records::{self, Entry, ExecutionKey, ExecutionRecord, Pending},
    service::Inner,
};

/// The most events in one block of a history.
const EVENTS_PER_BLOCK: usize = 64;

/// How many signals are journaled before a snapshot takes their place.
const ENTRIES_PER_SNAPSHOT: u64 = 64;

impl Inner {
    /// Begins to store a step that a signal led to.
    pub(super) fn commit_step(
        &self,
        running: &Running,
        live: &mut Live,
        signal: &Signal,
        at: asl::Timestamp,
        step: &Step,
    ) -> Result<Commit, ServiceError> {
        let mut batch = Batch::new();
        put_events(&mut batch, running, &step.events)?;
        for command in &step.commands {
            if let Command::StopExecution { execution } = command {
                batch.put(records::TO_STOP, Key::new().text(execution), Bytes::new());
            }
        }
        if matches!(signal, Signal::Redriven) {
            put_record(&mut batch, running, live)?;
        }
        if step.outcome.is_some() {
            put_end(&mut batch, running, live)?;
        } else {
            if live.next_entry - live.first_entry >= ENTRIES_PER_SNAPSHOT {
                put_snapshot(&mut batch, running, live);
            } else {
                let entry = records::write(&Entry { signal: signal.clone(), at })?;
                batch.put(records::JOURNAL, running.key.key().number(live.next_entry), entry);
                live.next_entry += 1;
            }
            put_pending(&mut batch, running, live, step.more)?;
        }
        Ok(self.store.commit(batch))
    }

    /// Begins to store the start of an execution.
    pub(super) fn commit_start(
        &self,
        running: &Running,
        live: &mut Live,
        step: &Step,
    ) -> Result<Commit, ServiceError> {
        let mut batch = Batch::new();
        put_events(&mut batch, running, &step.events)?;
        put_record(&mut batch, running, live)?;
        if step.outcome.is_none() {
            put_pending(&mut batch, running, live, step.more)?;
        } else if live.record.status != Status::Succeeded {
            put_snapshot(&mut batch, running, live);
        }
        Ok(self.store.commit(batch))
    }
}

/// A block for the events of a step; several for a long one, so that a page reads little more than it shows.
fn put_events(batch: &mut Batch, running: &Running, events: &[HistoryEvent]) -> Result<(), ServiceError> {
    for events in events.chunks(EVENTS_PER_BLOCK) {
        let block = serde_json::to_vec(events).map_err(|_| errors::damaged("a history"))?;
        batch.put(records::HISTORY, running.key.key().number(events[0].id), block);
    }
    Ok(())
}

fn put_record(batch: &mut Batch, running: &Running, live: &Live) -> Result<(), ServiceError> {
    let (key, record) = (&running.key, &live.record);
    batch.put(records::EXECUTIONS, key.key(), records::write(record)?);
    put_summary(batch, key, record)
}

/// What lists show of an execution: of a child, in the list of its Map Run.
pub(super) fn put_summary(
    batch: &mut Batch,
    key: &ExecutionKey,
    record: &ExecutionRecord,
) -> Result<(), ServiceError> {
    let Some(child) = &record.child else {
        let summary = records::write(&record.summary(&key.name))?;
        batch.put(records::BY_START, key.by_start(record.order), summary);
        return Ok(());
    };
    let run = arn::map_run(&child.map_run)?;
    let row = record.child_row(&key.name, child, false);
    batch.put(records::MAP_CHILDREN, run.child(child.index), records::write(&row)?);
    Ok(())
}

/// The end: the record and the history are kept, and after a bad end what a redrive goes on from.
fn put_end(batch: &mut Batch, running: &Running, live: &mut Live) -> Result<(), ServiceError> {
    put_record(batch, running, live)?;
    let key = || running.key.key();
    batch.delete(records::PENDING, key());
    if live.record.status == Status::Succeeded {
        batch.delete(records::SNAPSHOTS, key());
        for entry in live.first_entry..live.next_entry {
            batch.delete(records::JOURNAL, key().number(entry));
        }
    } else {
        put_snapshot(batch, running, live);
    }
    Ok(())
}

fn put_snapshot(batch: &mut Batch, running: &Running, live: &mut Live) {
    for entry in live.first_entry..live.next_entry {
        batch.delete(records::JOURNAL, running.key.key().number(entry));
    }
    // A snapshot stands for all entries before the place written in front of it.
    let mut snapshot = live.next_entry.to_be_bytes().to_vec();
    snapshot.extend(live.execution.snapshot());
    batch.put(records::SNAPSHOTS, running.key.key(), Bytes::from(snapshot));
    live.first_entry = live.next_entry;
}

fn put_pending(batch: &mut Batch, running: &Running, live: &Live, more: bool) -> Result<(), ServiceError> {
    let to_repeat = |task: asl::OutstandingTask| match &*task.scheduled.resource {
        Resource::Lambda { .. } => true,
        Resource::Activity { .. } => !task.started,
        Resource::Service { pattern: Pattern::WaitForTaskToken, .. } => task.submitted.is_none(),
        Resource::Service { .. } => true,
    };
    let pending = Pending {
        timers: live.execution.timers().collect(),
        effects: more
            || live.execution.outstanding_tasks().any(to_repeat)
            || live.execution.outstanding_map_runs().next().is_some(),
    };
    batch.put(records::PENDING, running.key.key(), records::write(&pending)?);
    Ok(())
}
