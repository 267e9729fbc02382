//! Finding running executions again after a restart.
//!
//! A start reads only what is pending. An execution is rebuilt when it is next touched: by its timer, by a caller, or
//! at once if it has effects that may have been interrupted.

use std::sync::{Arc, Mutex};

use asl::{Execution, Payload, Seed, Signal, Status};
use aws_wire::ServiceError;
use store::{Batch, Key, StoreError};
use tokio::sync::Notify;

use super::{Live, Running, journal::put_summary, start::context_object};
use crate::{
    arn, effects, errors,
    logging::Logging,
    records::{self, Entry, ExecutionKey, ExecutionRecord, Pending, Revision},
    service::Inner,
};

const PAGE: usize = 1000;

impl Inner {
    /// Runs the timers of all running executions again.
    pub(crate) fn load_timers(&self) -> Result<(), StoreError> {
        self.each_pending(|key, pending| {
            let arn: Arc<str> = key.arn().into();
            pending.timers.iter().for_each(|(timer, at)| self.timers.add(*at, &arn, *timer));
        })
    }

    fn each_pending(&self, mut visit: impl FnMut(&ExecutionKey, &Pending)) -> Result<(), StoreError> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let rows = self.store.scan(records::PENDING, &Key::new(), after.as_deref(), PAGE)?;
            for (key, value) in &rows {
                let parts = records::key_parts(key, 2);
                let pending = records::read::<Pending>(value, "a running execution");
                match (parts, pending) {
                    (Some((scope, parts)), Ok(pending)) => {
                        let (machine, name) = (parts[0].as_str().into(), parts[1].as_str().into());
                        visit(&ExecutionKey { scope, machine, name }, &pending);
                    }
                    _ => tracing::error!("a row of running executions cannot be read, and is left out"),
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }

    /// Repeats the effects that were under way.
    pub(crate) async fn resume_effects(self: &Arc<Self>) -> Result<(), ServiceError> {
        let mut interrupted = Vec::new();
        let collected = self.each_pending(|key, pending| {
            if pending.effects {
                interrupted.push(key.arn());
            }
        });
        collected.map_err(errors::storage)?;
        for arn in interrupted {
            let resumed = match self.find(&arn) {
                Ok(Some(running)) => self.resume(&running).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            // One execution that cannot be taken up must not keep the others from it.
            if let Err(error) = resumed {
                tracing::error!(execution = arn, %error, "an execution could not be taken up again");
            }
        }
        self.resume_live_map_runs()?;
        self.resume_stopping()
    }

    async fn resume(self: &Arc<Self>, running: &Arc<Running>) -> Result<(), ServiceError> {
        let (tasks, map_runs, more) = {
            // A task that was scheduled since, by a timer that fired before this, is being done already.
            let mut live = running.live();
            let interrupted = std::mem::take(&mut live.interrupted);
            let mut tasks: Vec<_> = live.execution.outstanding_tasks().collect();
            tasks.retain(|task| interrupted.contains(&task.scheduled.task));
            (tasks, live.execution.outstanding_map_runs().collect::<Vec<_>>(), live.execution.has_more())
        };
        for (spec, redrives) in map_runs {
            self.resume_map_run(running, spec, redrives)?;
        }
        for task in tasks {
            effects::resume(self, running, task);
        }
        if more { self.deliver(running, Signal::Continue).await } else { Ok(()) }
    }

    /// A running execution: from memory, or rebuilt from what is stored. `None` if it does not run.
    pub(crate) fn find(&self, arn: &str) -> Result<Option<Arc<Running>>, ServiceError> {
        if let Some(found) = self.running.get(arn) {
            return Ok(Some(Arc::clone(&found)));
        }
        let Ok((scope, machine, name)) = arn::execution(arn) else { return Ok(None) };
        let key = ExecutionKey { scope, machine: machine.into(), name: name.into() };
        let place = self.running.entry(Arc::from(arn));
        if let dashmap::Entry::Occupied(found) = &place {
            return Ok(Some(Arc::clone(found.get())));
        }
        let Some(record) = self.execution_record(&key)?.filter(|record| record.status == Status::Running)
        else {
            return Ok(None);
        };
        let Some(running) = self.rebuild(key, record)? else { return Ok(None) };
        let running = Arc::new(running);
        place.insert(Arc::clone(&running));
        Ok(Some(running))
    }

    pub(super) fn rebuild(
        &self,
        key: ExecutionKey,
        record: ExecutionRecord,
    ) -> Result<Option<Running>, ServiceError> {
        let arn: Arc<str> = key.arn().into();
        let Some(revision) = self.revision(&key.scope, key.state_machine(), &record.revision)? else {
            return Err(errors::damaged("the execution's state machine"));
        };
        if record.interpreter != asl::VERSION {
            self.fail_stranger(&key, record)?;
            return Ok(None);
        }
        let (mut execution, first_entry) = self.base(&key, &arn, &record, &revision)?;
        let mut next_entry = first_entry;
        loop {
            let after = (next_entry > 0).then(|| key.key().number(next_entry - 1));
            let rows = self
                .store
                .scan(records::JOURNAL, &key.key(), after.as_ref().map(Key::as_bytes), PAGE)
                .map_err(errors::storage)?;
            for (_, value) in &rows {
                let Entry { signal, at } = records::read(value, "a journal")?;
                let _ = execution.handle(signal, at);
                next_entry += 1;
            }
            if rows.len() < PAGE {
                break;
            }
        }
        let case = record.test_case.as_deref();
        let mocked = case.map(|case| self.mocks.case(&key.machine, case));
        let interrupted = execution.outstanding_tasks().map(|task| task.scheduled.task).collect();
        let live = Live { execution, record, next_entry, first_entry, discarded: false, interrupted };
        let logging = Logging::of(revision.record.logging.as_ref());
        Ok(Some(Running {
            arn,
            key,
            durable: true,
            live: Mutex::new(live),
            changed: Notify::new(),
            logging,
            log_turn: tokio::sync::Mutex::default(),
            mocked,
        }))
    }

    /// The execution as its snapshot has it, or as it started; and the place in the journal from where to go on.
    fn base(
        &self,
        key: &ExecutionKey,
        arn: &Arc<str>,
        record: &ExecutionRecord,
        revision: &Arc<Revision>,
    ) -> Result<(Execution, u64), ServiceError> {
        let definition = Arc::clone(&revision.definition);
        if let Some(snapshot) = self.store.get(records::SNAPSHOTS, &key.key()).map_err(errors::storage)? {
            let (place, snapshot) =
                snapshot.split_first_chunk().ok_or_else(|| errors::damaged("a snapshot"))?;
            let restored =
                Execution::restore(definition, snapshot).map_err(|_| errors::damaged("a snapshot"))?;
            return Ok((restored, u64::from_be_bytes(*place)));
        }
        let input =
            Payload::from_text(&record.input).map_err(|_| errors::damaged("the execution's input"))?;
        let context = context_object(key, arn, revision, false, record);
        let at = asl::Timestamp(record.started.0);
        let machine = record.child.as_ref().map_or_else(|| definition.outermost(), |child| child.machine);
        let seed = Seed::new(record.seed);
        let (execution, _) = Execution::start_at(definition, machine, context, input, seed, at);
        Ok((execution, 0))
    }

    /// Ends an execution that another version of the interpreter began: its journal may mean something else to ours.
    fn fail_stranger(&self, key: &ExecutionKey, mut record: ExecutionRecord) -> Result<(), ServiceError> {
        let at = self.now();
        let cause = format!(
            "The execution was begun by version {} of the interpreter and cannot be continued by version {}.",
            record.interpreter,
            asl::VERSION
        );
        let last =
            self.store.scan_backwards(records::HISTORY, &key.key(), None, 1).map_err(errors::storage)?;
        let events: Vec<asl::HistoryEvent> =
            last.first().and_then(|(_, block)| serde_json::from_slice(block).ok()).unwrap_or_default();
        let previous = events.last().map_or(0, |event| event.id);
        let event = asl::HistoryEvent {
            id: previous + 1,
            previous_event_id: previous,
            timestamp: at,
            event_type: asl::EventType::ExecutionFailed,
            details: asl::Details::Failed {
                error: Some("States.Runtime".into()),
                cause: Some(cause.clone()),
            },
        };
        record.status = Status::Failed;
        record.stopped = Some(runtime::Timestamp(at.0));
        record.error = Some(String::from("States.Runtime"));
        record.cause = Some(cause);
        let mut batch = Batch::new();
        let block = serde_json::to_vec(&[event]).map_err(|_| errors::damaged("a history"))?;
        batch.put(records::HISTORY, key.key().number(previous + 1), block);
        batch.put(records::EXECUTIONS, key.key(), records::write(&record)?);
        put_summary(&mut batch, key, &record)?;
        batch.delete(records::PENDING, key.key());
        // Nobody is answered by this write; if it is lost, the next touch makes it again.
        drop(self.store.commit(batch));
        Ok(())
    }
}
