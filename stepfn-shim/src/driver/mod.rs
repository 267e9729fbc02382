//! Journals, commits, and then acts.
//!
//! A signal is handled at once in memory; what it asks for, and any answer to a caller, leaves only after its own
//! commit. A commit that fails discards that memory: the execution is rebuilt from what is stored when it is next
//! touched.

mod journal;
mod recover;
mod redrive;
mod start;
mod stop;
mod timers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use asl::{Command, Execution, Outcome, Signal, Status, Step, TaskId};
use aws_wire::ServiceError;
use tokio::sync::Notify;

pub(crate) use start::Start;
pub(crate) use timers::Timers;

use crate::{
    effects, errors,
    logging::{self, Logging},
    mocks::{Mocked, TestCase},
    records::{ExecutionKey, ExecutionRecord},
    service::Inner,
};

/// An execution in memory.
pub(crate) struct Running {
    pub(crate) arn: Arc<str>,
    pub(crate) key: ExecutionKey,
    /// Whether it is journaled: Standard executions are, Express ones are not.
    pub(crate) durable: bool,
    live: Mutex<Live>,
    /// Told whenever a step is committed.
    pub(crate) changed: Notify,
    /// What it logs, if it logs.
    pub(crate) logging: Option<Logging>,
    /// Held by the delivery of logs that is under way.
    pub(crate) log_turn: tokio::sync::Mutex<()>,
    /// What its tasks are mocked by, if it runs as a test case.
    pub(crate) mocked: Option<Mocked>,
}

/// The part that changes.
pub(crate) struct Live {
    pub(crate) execution: Execution,
    pub(crate) record: ExecutionRecord,
    /// The journal's next place.
    next_entry: u64,
    /// The place of the oldest entry that is not in the snapshot.
    first_entry: u64,
    /// A commit failed: this memory is not what is stored.
    discarded: bool,
    /// Tasks that were under way when the execution was rebuilt, and whose effect has not been repeated since.
    interrupted: Vec<TaskId>,
}

impl Running {
    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The test case it runs under, if what it mocks could be read.
    pub(crate) fn test_case(&self) -> Option<(String, Arc<TestCase>)> {
        let name = self.live().record.test_case.clone()?;
        let case = self.mocked.as_ref()?.as_ref().ok()?;
        Some((name, Arc::clone(case)))
    }

    /// Completes when the execution has ended.
    pub(crate) async fn ended(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let over = {
                let live = self.live();
                live.record.status != Status::Running || live.discarded
            };
            if over {
                return;
            }
            changed.await;
        }
    }
}

impl Inner {
    /// Tells an execution something, and does what it then asks for.
    pub(crate) async fn deliver(
        self: &Arc<Self>,
        running: &Arc<Running>,
        signal: Signal,
    ) -> Result<(), ServiceError> {
        let mut signal = signal;
        loop {
            let at = self.now();
            let (commit, step) = {
                let mut live = running.live();
                if live.discarded {
                    return Err(errors::damaged("the execution"));
                }
                let step = live.execution.handle(signal.clone(), at);
                let idle = step.events.is_empty() && step.commands.is_empty() && step.outcome.is_none();
                if idle && !step.more {
                    return Ok(());
                }
                live.note_outcome(&step, at);
                let commit =
                    running.durable.then(|| self.commit_step(running, &mut live, &signal, at, &step));
                (commit.transpose()?, step)
            };
            if let Some(commit) = commit
                && let Err(error) = commit.await
            {
                self.discard(running);
                return Err(errors::storage(error));
            }
            let more = step.more;
            self.act(running, step);
            if !more {
                return Ok(());
            }
            signal = Signal::Continue;
            tokio::task::yield_now().await;
        }
    }

    /// Forgets an execution whose memory is ahead of what is stored.
    fn discard(&self, running: &Arc<Running>) {
        running.live().discarded = true;
        self.running.remove(&running.arn);
        running.changed.notify_waiters();
        tracing::error!(
            execution = &*running.arn,
            "a step could not be stored; the execution is taken up again when it is next touched"
        );
    }

    /// Does what a committed step asks for.
    fn act(self: &Arc<Self>, running: &Arc<Running>, step: Step) {
        logging::deliver(self, running, &step.events);
        for command in step.commands {
            match command {
                Command::ScheduleTask(task) => effects::begin(self, running, task),
                // The effect may still end; its signal then means nothing to the execution.
                Command::CancelTask { task } => self.activities.cancel(&running.arn, task),
                Command::StopExecution { execution } => self.stop_started(&execution),
                Command::StartMapRun(spec) => self.begin_map_run(running, &spec),
                Command::RedriveMapRun { run, redrives } => self.redrive_map_run(running, run, redrives),
                Command::StopMapRun { run } => self.map_runs.stop(&run.arn),
                Command::StartTimer { timer, at } => self.timers.add(at, &running.arn, timer),
                Command::CancelTimer { timer, at } => self.timers.remove(at, &running.arn, timer),
            }
        }
        if step.outcome.is_some() {
            self.running.remove(&running.arn);
            self.tell_watchers(&running.arn);
            self.tell_map_run(running);
        }
        running.changed.notify_waiters();
    }

    /// Tells the tasks that wait for an execution that it has ended.
    fn tell_watchers(self: &Arc<Self>, arn: &str) {
        let Some((_, watchers)) = self.watchers.remove(arn) else { return };
        for (parent, task) in watchers {
            let (inner, child) = (Arc::clone(self), Arc::<str>::from(arn));
            tokio::spawn(async move { effects::child_ended(&inner, &parent, task, &child).await });
        }
    }
}

impl Live {
    /// Puts an outcome into the record.
    fn note_outcome(&mut self, step: &Step, at: asl::Timestamp) {
        let Some(outcome) = &step.outcome else { return };
        let record = &mut self.record;
        record.events = self.execution.last_event_id();
        record.status = outcome.status();
        record.stopped = Some(runtime::Timestamp(at.0));
        match outcome {
            Outcome::Succeeded { output } => record.output = Some(Arc::clone(output.text())),
            Outcome::Failed(failure) | Outcome::Aborted(failure) => {
                record.error.clone_from(&failure.error);
                record.cause.clone_from(&failure.cause);
            }
            Outcome::TimedOut => record.error = Some(String::from("States.Timeout")),
        }
    }
}
