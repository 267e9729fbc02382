//! Map Runs: started for an execution, which hears only of the end.
//!
//! One task drives each run (`actor`): it feeds the signals of `asl::map_run::MapRun` and does what that asks for. Items
//! are read (`read`), the inputs they make are kept in pages (`inputs`), children are executions of their own
//! (`children`), and what they come to is put together or exported (`results`). What is stored is enough to go on after
//! a crash: the inputs, and a row for each child that was started.

mod actor;
mod children;
mod csv;
mod inputs;
mod read;
mod results;
mod s3;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asl::{
    Signal, Status,
    map_run::{Limits, MapRun, MapRunSpec},
};
use aws_wire::ServiceError;
use bytes::Bytes;
use dashmap::DashMap;
use store::Key;
use tokio::sync::{Notify, mpsc, oneshot};

pub(crate) use read::tried;

use crate::{
    arn,
    driver::Running,
    errors,
    records::{self, ChildRow, MapRunKey, MapRunRecord, MapRunStatus, Revision},
    service::Inner,
};

/// What a run is told. Each child that runs sends one message, so the inbox holds as many as children may run.
pub(crate) enum Message {
    /// A child ended; an Express child brings its row, which is not stored yet.
    ChildEnded { index: u64, status: Status, row: Option<Box<ChildRow>> },
    /// How many may run and fail is to be changed; answered once that is stored.
    Updated { limits: Limits, done: oneshot::Sender<()> },
    /// Nobody waits for the run any more.
    Stop,
}

const INBOX: usize = 10_000 + 240;

/// A run that has not ended.
pub(crate) struct Run {
    pub(crate) arn: Arc<str>,
    pub(crate) key: MapRunKey,
    spec: Arc<MapRunSpec>,
    /// The execution that waits for it.
    parent: Arc<str>,
    revision: Arc<Revision>,
    inbox: mpsc::Sender<Message>,
    state: Mutex<RunState>,
    /// Told when it has ended.
    gone: Notify,
}

/// The part of a run that changes.
pub(crate) struct RunState {
    pub(crate) machine: MapRun,
    pub(crate) record: MapRunRecord,
}

impl Run {
    pub(crate) fn state(&self) -> MutexGuard<'_, RunState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its record, with the counts as they are now.
    pub(crate) fn record(&self) -> MapRunRecord {
        let state = self.state();
        let (children, items) = state.machine.counts();
        MapRunRecord { children, items, limits: state.machine.limits(), ..state.record.clone() }
    }

    /// Tells it something. The inbox has room for what children send; another message more or less is lost only if
    /// there are thousands, and then the same was said already.
    pub(crate) fn tell(&self, message: Message) {
        if self.inbox.try_send(message).is_err() {
            tracing::error!(map_run = &*self.arn, "a Map Run could not be told what happened");
        }
    }
}

/// All runs that have not ended.
#[derive(Default)]
pub(crate) struct MapRuns(DashMap<Arc<str>, Arc<Run>>);

impl MapRuns {
    pub(crate) fn get(&self, arn: &str) -> Option<Arc<Run>> {
        self.0.get(arn).map(|run| Arc::clone(&run))
    }

    pub(crate) fn stop(&self, arn: &str) {
        if let Some(run) = self.get(arn) {
            run.tell(Message::Stop);
        }
    }

    /// Waits until a run is gone.
    async fn gone(&self, arn: &str) {
        while let Some(run) = self.get(arn) {
            let gone = run.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            if self.get(arn).is_none() {
                return;
            }
            gone.await;
        }
    }
}

/// How a run is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It is new.
    Begin,
    /// A restart interrupted it.
    Resume,
    /// It ended, and its execution is redriven.
    Redrive,
}

impl Inner {
    /// Begins a run that an execution asks for.
    pub(crate) fn begin_map_run(self: &Arc<Self>, parent: &Arc<Running>, spec: &Arc<MapRunSpec>) {
        let record = MapRunRecord {
            execution: Arc::clone(&parent.arn),
            revision: parent.live().record.revision.clone(),
            express: spec.express,
            status: MapRunStatus::Running,
            started: self.clock.now(),
            stopped: None,
            limits: spec.limits,
            redrives: 0,
            redriven: None,
            read: None,
            children: asl::map_run::Counts::default(),
            items: asl::map_run::Counts::default(),
            outcome: None,
        };
        self.launch(spec, record, Mode::Begin);
    }

    /// Lets a run go on that has ended.
    pub(crate) fn redrive_map_run(
        self: &Arc<Self>,
        parent: &Arc<Running>,
        spec: Arc<MapRunSpec>,
        redrives: u64,
    ) {
        let (inner, parent) = (Arc::clone(self), Arc::clone(parent));
        tokio::spawn(async move {
            // What a run is still at, though its execution has ended, it finishes first.
            inner.map_runs.gone(&spec.arn).await;
            match inner.map_run_record(&spec.arn) {
                Ok(Some((_, mut record))) => {
                    record.redrives = redrives;
                    record.redriven = Some(inner.clock.now());
                    inner.launch(&spec, record, Mode::Redrive);
                }
                Ok(None) => inner.begin_map_run(&parent, &spec),
                Err(error) => {
                    tracing::error!(map_run = &*spec.arn, %error, "a Map Run could not be redriven");
                }
            }
        });
    }

    fn launch(self: &Arc<Self>, spec: &Arc<MapRunSpec>, record: MapRunRecord, mode: Mode) {
        if let Err(error) = self.try_launch(spec, record, mode) {
            tracing::error!(map_run = &*spec.arn, %error, "a Map Run could not be taken up");
        }
    }

    fn try_launch(
        self: &Arc<Self>,
        spec: &Arc<MapRunSpec>,
        record: MapRunRecord,
        mode: Mode,
    ) -> Result<(), ServiceError> {
        let key = arn::map_run(&spec.arn)?;
        let machine = key.machine.split('/').next().unwrap_or("");
        let revision = self.revision(&key.scope, machine, &record.revision)?;
        let revision = revision.ok_or_else(|| errors::damaged("the execution's state machine"))?;
        let (inbox, messages) = mpsc::channel(INBOX);
        let run = Arc::new(Run {
            arn: Arc::clone(&spec.arn),
            spec: Arc::clone(spec),
            parent: Arc::clone(&record.execution),
            revision,
            key,
            inbox,
            state: Mutex::new(RunState { machine: MapRun::new(record.limits), record }),
            gone: Notify::new(),
        });
        match self.map_runs.0.entry(Arc::clone(&spec.arn)) {
            dashmap::Entry::Occupied(_) => return Ok(()),
            dashmap::Entry::Vacant(place) => place.insert(Arc::clone(&run)),
        };
        actor::spawn(self, run, messages, mode);
        Ok(())
    }

    /// The stored record of a run.
    pub(crate) fn map_run_record(
        &self,
        given: &str,
    ) -> Result<Option<(MapRunKey, MapRunRecord)>, ServiceError> {
        let key = arn::map_run(given)?;
        let found = self.store.get(records::MAP_RUNS, &key.key()).map_err(errors::storage)?;
        let record = found.map(|bytes| records::read(&bytes, "the Map Run")).transpose()?;
        Ok(record.map(|record| (key, record)))
    }

    fn map_run_spec(&self, key: &MapRunKey) -> Result<Arc<MapRunSpec>, ServiceError> {
        let found = self.store.get(records::MAP_RUN_SPECS, &key.key()).map_err(errors::storage)?;
        let found = found.ok_or_else(|| errors::damaged("the Map Run"))?;
        records::read::<MapRunSpec>(&found, "the Map Run").map(Arc::new)
    }

    /// Tells the run of a child that ended.
    pub(crate) fn tell_map_run(&self, running: &Arc<Running>) {
        let live = running.live();
        let Some(child) = &live.record.child else { return };
        let Some(run) = self.map_runs.get(&child.map_run) else { return };
        let row = (!running.durable).then(|| Box::new(live.record.child_row(&running.key.name, child, true)));
        run.tell(Message::ChildEnded { index: child.index, status: live.record.status, row });
    }

    /// Takes up a run that an execution waits for.
    pub(crate) fn resume_map_run(
        self: &Arc<Self>,
        parent: &Arc<Running>,
        spec: Arc<MapRunSpec>,
        redrives: u64,
    ) -> Result<(), ServiceError> {
        let Some((_, record)) = self.map_run_record(&spec.arn)? else {
            self.begin_map_run(parent, &spec);
            return Ok(());
        };
        match record.outcome.clone() {
            None => self.launch(&spec, record, Mode::Resume),
            Some(_) if record.redrives < redrives => self.redrive_map_run(parent, spec, redrives),
            // It ended, but the execution has not heard of it.
            Some(outcome) => {
                let (inner, parent) = (Arc::clone(self), Arc::clone(parent));
                tokio::spawn(async move {
                    let signal = Signal::MapRunEnded { run: spec.run, outcome };
                    crate::effects::tell(&inner, &parent, signal).await;
                });
            }
        }
        Ok(())
    }

    /// Takes up the runs whose execution has ended, to end them too.
    pub(crate) fn resume_live_map_runs(self: &Arc<Self>) -> Result<(), ServiceError> {
        const PAGE: usize = 1000;
        let mut after: Option<Bytes> = None;
        loop {
            let rows = self.store.scan(records::MAP_RUNS_LIVE, &Key::new(), after.as_deref(), PAGE);
            let rows = rows.map_err(errors::storage)?;
            for (_, value) in &rows {
                let given = String::from_utf8_lossy(value);
                if let Some((key, record)) = self.map_run_record(&given)? {
                    self.launch(&self.map_run_spec(&key)?, record, Mode::Resume);
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }
}
