//! The task that drives a Map Run: messages in, signals to its machine, and what the machine asks for.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use asl::{
    Signal, Status,
    map_run::{Counts, MapRun, MapRunCommand, MapRunOutcome, MapRunSignal},
};
use aws_wire::ServiceError;
use bytes::Bytes;
use store::{Batch, Commit, Key};
use tokio::sync::mpsc;

use super::{Message, Mode, Run, inputs::Pages, read, results};
use crate::{
    effects, errors,
    records::{self, ChildRow, MapRunStatus},
    service::Inner,
};

/// How many messages are taken at a time.
const MESSAGES: usize = 256;

/// The state of the task.
pub(super) struct Actor {
    pub(super) inner: Arc<Inner>,
    pub(super) run: Arc<Run>,
    /// The children that run, by index, with the number of their items.
    pub(super) running: BTreeMap<u64, u64>,
    /// Children before `next` that are to be started.
    pub(super) again: VecDeque<u64>,
    /// The first child that was never started.
    pub(super) next: u64,
    pub(super) pages: Pages,
}

/// Starts the task.
pub(super) fn spawn(inner: &Arc<Inner>, run: Arc<Run>, messages: mpsc::Receiver<Message>, mode: Mode) {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let pages = Pages::of(&run.key);
        let (running, again) = (BTreeMap::new(), VecDeque::new());
        let mut actor = Actor { inner, run, running, again, next: 0, pages };
        let ended = actor.drive(messages, mode).await;
        if let Err(error) = &ended {
            tracing::error!(map_run = &*actor.run.arn, %error, "a Map Run stopped; a restart takes it up again");
        }
        actor.inner.map_runs.0.remove(&actor.run.arn);
        actor.run.gone.notify_waiters();
        if let Ok(outcome) = ended {
            actor.tell_parent(outcome).await;
        }
    });
}

impl Actor {
    async fn drive(
        &mut self,
        mut messages: mpsc::Receiver<Message>,
        mode: Mode,
    ) -> Result<MapRunOutcome, ServiceError> {
        let mut signals = VecDeque::from([self.begin(mode).await?]);
        if mode != Mode::Begin && !self.is_awaited()? {
            signals.push_back(MapRunSignal::StopRequested);
        }
        let mut taken = Vec::with_capacity(MESSAGES);
        loop {
            while let Some(signal) = signals.pop_front() {
                let commands = self.run.state().machine.handle(signal);
                for command in commands {
                    match command {
                        MapRunCommand::ReadItems => signals.push_back(read::items(self).await?),
                        MapRunCommand::StartChildren { count } => {
                            signals.push_back(self.start_children(count).await?);
                            // What happened meanwhile, a wish to stop above all, is heard before more is started.
                            while taken.len() < MESSAGES
                                && let Ok(message) = messages.try_recv()
                            {
                                taken.push(message);
                            }
                            self.hear(&mut taken, &mut signals).await?;
                        }
                        MapRunCommand::StopChildren => self.stop_children().await?,
                        MapRunCommand::WriteResults => {
                            signals.push_back(MapRunSignal::ResultsWritten(results::put(self).await?));
                        }
                        MapRunCommand::End(outcome) => return self.end(outcome).await,
                    }
                }
            }
            if messages.recv_many(&mut taken, MESSAGES).await == 0 {
                return Err(errors::damaged("a Map Run"));
            }
            self.hear(&mut taken, &mut signals).await?;
        }
    }

    /// Makes signals of messages, once what they bring is stored.
    async fn hear(
        &mut self,
        messages: &mut Vec<Message>,
        signals: &mut VecDeque<MapRunSignal>,
    ) -> Result<(), ServiceError> {
        let mut batch = Batch::new();
        let mut answers = Vec::new();
        let mut heard = Vec::with_capacity(messages.len());
        for message in messages.drain(..) {
            match message {
                Message::ChildEnded { index, status, row } => {
                    // One that is not known to run was counted when the rows were read.
                    let Some(items) = self.running.remove(&index) else { continue };
                    if let Some(row) = row {
                        batch.put(records::MAP_CHILDREN, self.run.key.child(index), records::write(&*row)?);
                    }
                    heard.push(MapRunSignal::ChildEnded { status, items });
                }
                Message::Updated { limits, done } => {
                    let mut state = self.run.state();
                    state.record.limits = limits;
                    batch.put(records::MAP_RUNS, self.run.key.key(), records::write(&state.record)?);
                    answers.push(done);
                    heard.push(MapRunSignal::Updated(limits));
                }
                Message::Stop => heard.push(MapRunSignal::StopRequested),
            }
        }
        if !batch.is_empty() {
            self.inner.store.commit(batch).await.map_err(errors::storage)?;
        }
        // Whoever asked may have gone away.
        for answer in answers {
            let _ = answer.send(());
        }
        signals.extend(heard);
        Ok(())
    }

    /// Stores that the run runs, and finds out where it stands.
    async fn begin(&mut self, mode: Mode) -> Result<MapRunSignal, ServiceError> {
        let read = {
            let mut state = self.run.state();
            state.record.status = MapRunStatus::Running;
            state.record.stopped = None;
            state.record.outcome = None;
            state.record.read
        };
        if mode != Mode::Resume {
            self.store_begin(mode)?.await.map_err(errors::storage)?;
        }
        let Some((children, items)) = read else { return Ok(MapRunSignal::Begun) };
        let (counts, item_counts) = self.take_stock(children, items)?;
        let mut state = self.run.state();
        state.machine = MapRun::resumed(state.record.limits, counts, item_counts);
        Ok(MapRunSignal::ChildrenStarted { children: 0, items: 0 })
    }

    fn store_begin(&self, mode: Mode) -> Result<Commit, ServiceError> {
        let run = &self.run;
        let mut batch = Batch::new();
        batch.put(records::MAP_RUNS, run.key.key(), records::write(&run.state().record)?);
        batch.put(records::MAP_RUNS_LIVE, run.key.key(), Bytes::copy_from_slice(run.arn.as_bytes()));
        if mode == Mode::Begin {
            batch.put(records::MAP_RUN_SPECS, run.key.key(), records::write(&*run.spec)?);
            let (scope, machine, name) = crate::arn::execution(&run.parent)?;
            let order = u64::MAX - self.inner.next_order(self.inner.now());
            let place = records::Machine::key(&scope, &machine).text(&name).number(order);
            batch.put(records::MAP_RUNS_OF, place, Bytes::copy_from_slice(run.arn.as_bytes()));
        }
        Ok(self.inner.store.commit(batch))
    }

    /// Counts the children by their rows, and notes which run and which are to be started.
    fn take_stock(&mut self, children: u64, items: u64) -> Result<(Counts, Counts), ServiceError> {
        const PAGE: usize = 1000;
        let attempt = self.run.state().record.redrives;
        let mut counts = Counts { total: children, ..Counts::default() };
        let mut item_counts = Counts { total: items, ..Counts::default() };
        let mut seen = 0;
        let mut after: Option<Key> = None;
        loop {
            let prefix = self.run.key.key();
            let at = after.as_ref().map(Key::as_bytes);
            let rows = self.inner.store.scan(records::MAP_CHILDREN, &prefix, at, PAGE);
            let rows = rows.map_err(errors::storage)?;
            for (place, value) in &rows {
                let Some(index) = index_of(place, &prefix) else { continue };
                after = Some(self.run.key.child(index));
                self.again.extend(self.next..index);
                self.next = index + 1;
                let row: ChildRow = records::read(value, "a child of a Map Run")?;
                seen += row.items;
                let badly = !matches!(row.status, Status::Running | Status::Succeeded);
                if badly && row.attempt < attempt {
                    counts.pending_redrive += 1;
                    item_counts.pending_redrive += row.items;
                    self.again.push_back(index);
                    continue;
                }
                if row.not_redrivable {
                    counts.failures_not_redrivable += 1;
                    item_counts.failures_not_redrivable += row.items;
                }
                if row.status == Status::Running {
                    self.running.insert(index, row.items);
                }
                *counts.of(row.status) += 1;
                *item_counts.of(row.status) += row.items;
            }
            if rows.len() < PAGE {
                break;
            }
        }
        counts.pending = children - self.next + self.again.len() as u64 - counts.pending_redrive;
        item_counts.pending = items.saturating_sub(seen);
        Ok((counts, item_counts))
    }

    /// Whether the execution still waits for the run.
    fn is_awaited(&self) -> Result<bool, ServiceError> {
        let Some(parent) = self.inner.find(&self.run.parent)? else { return Ok(false) };
        let live = parent.live();
        Ok(live.execution.outstanding_map_runs().any(|(spec, _)| spec.arn == self.run.arn))
    }

    /// Stores the end.
    async fn end(&mut self, outcome: MapRunOutcome) -> Result<MapRunOutcome, ServiceError> {
        let mut record = self.run.record();
        record.stopped = Some(self.inner.clock.now());
        record.status = match &outcome {
            MapRunOutcome::Succeeded { .. } => MapRunStatus::Succeeded,
            MapRunOutcome::Failed(_) => MapRunStatus::Failed,
            MapRunOutcome::Aborted => MapRunStatus::Aborted,
        };
        record.outcome = Some(outcome.clone());
        let mut batch = Batch::new();
        batch.put(records::MAP_RUNS, self.run.key.key(), records::write(&record)?);
        batch.delete(records::MAP_RUNS_LIVE, self.run.key.key());
        if record.status == MapRunStatus::Succeeded {
            // Nothing of it can be redriven.
            batch.delete_prefix(records::MAP_INPUTS, self.run.key.key());
            batch.delete(records::MAP_RUN_SPECS, self.run.key.key());
        }
        self.inner.store.commit(batch).await.map_err(errors::storage)?;
        Ok(outcome)
    }

    async fn tell_parent(&self, outcome: MapRunOutcome) {
        match self.inner.find(&self.run.parent) {
            Ok(Some(parent)) => {
                let signal = Signal::MapRunEnded { run: self.run.spec.run, outcome };
                effects::tell(&self.inner, &parent, signal).await;
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(map_run = &*self.run.arn, %error, "an execution could not be told of its Map Run");
            }
        }
    }
}

/// The index of a child, from its row's key.
pub(super) fn index_of(place: &[u8], prefix: &Key) -> Option<u64> {
    place.strip_prefix(prefix.as_bytes())?.try_into().ok().map(u64::from_be_bytes)
}
