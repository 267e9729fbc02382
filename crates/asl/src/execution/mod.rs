//! The interpreter: signals in, events and commands out.
//!
//! An [`Execution`] is data. Parallel branches and the iterations of an inline Map are child *scopes* in it, so event
//! ids have one writer. The file of each state type says what entering it does; `failing` walks an error through Retry
//! and Catch, `dataflow` is the language's input and output processing, `scopes` what is kept.

mod choice;
mod dataflow;
mod distributed;
mod failing;
mod map;
mod parallel;
pub mod probe;
mod redrive;
mod run;
mod scopes;
mod signal;
mod task;
mod wait;

use std::sync::Arc;

pub use signal::{Command, Outcome, ScheduledTask, Signal, Status, Step, TaskId, TaskPlace, TimerId};
pub use task::{OutstandingTask, task_of_token};

use crate::{
    definition::Definition,
    history::{Details, EventType, HistoryEvent},
    payload::Payload,
    scope::ContextObject,
    seed::Seed,
    time::Timestamp,
};
use scopes::{Data, Purpose, ROOT, Scope};

/// The interpreter's version. A journal or snapshot of another one is not replayed, since what it would derive may
/// differ from what was shown.
pub const VERSION: u32 = 1;

/// The most events the history of a Standard execution may have.
const MAX_EVENTS: u64 = 25_000;

/// One run of a state machine.
#[derive(Debug)]
pub struct Execution {
    definition: Arc<Definition>,
    data: Data,
    /// Present only where one state is tried on its own.
    probe: Option<Box<probe::Recorder>>,
    /// What a failure that walks outwards leaves behind; empty between signals.
    aside: redrive::Aside,
}

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It was written by another version of the interpreter.
    #[error("the snapshot has interpreter version {found}, and this one is {VERSION}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// It is not what a snapshot looks like.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What one call works with.
struct Turn<'d> {
    definition: &'d Definition,
    at: Timestamp,
    step: Step,
}

impl Execution {
    /// Begins an execution and runs it as far as it goes without being told anything.
    pub fn start(
        definition: Arc<Definition>,
        context: ContextObject,
        input: Payload,
        seed: Seed,
        at: Timestamp,
    ) -> (Self, Step) {
        let machine = definition.outermost();
        Self::start_at(definition, machine, context, input, seed, at)
    }

    /// Begins a child execution of a Map Run, whose machine is one of the definition's.
    pub fn start_at(
        definition: Arc<Definition>,
        machine: usize,
        context: ContextObject,
        input: Payload,
        seed: Seed,
        at: Timestamp,
    ) -> (Self, Step) {
        let mut root = Scope::new(None, machine, 0);
        root.enter_next(definition.machines[machine].start, input.clone());
        let data = Data::new(context, input, seed, at, root);
        let mut execution = Self { definition, data, aside: redrive::Aside::default(), probe: None };
        let step = execution.turn(at, |execution, turn| {
            let context = &execution.data.context;
            let details = Details::ExecutionStarted {
                input: Arc::clone(execution.data.input.text()),
                role_arn: Arc::clone(&context.role_arn),
                alias_arn: context.alias_arn.clone(),
                version_arn: context.version_arn.clone(),
            };
            execution.emit_beside(turn, 0, EventType::ExecutionStarted, details);
            if let Some(seconds) = execution.timeout_seconds(turn.definition) {
                execution.start_timer(turn, ROOT, Purpose::Execution, turn.at.plus_seconds(seconds));
            }
        });
        (execution, step)
    }

    /// Tells it something and runs it as far as it goes, or until it had its share of transitions.
    pub fn handle(&mut self, signal: Signal, at: Timestamp) -> Step {
        let redrivable = self.is_redrivable();
        if self.data.status != Status::Running && !(redrivable && matches!(signal, Signal::Redriven)) {
            return Step::default();
        }
        self.turn(at, |execution, turn| match signal {
            Signal::Continue => {}
            Signal::TaskSubmitted { task, output } => execution.task_submitted(turn, task, &output),
            Signal::TaskSucceeded { task, output } => execution.task_succeeded(turn, task, output),
            Signal::TaskFailed { task, error, cause } => execution.task_failed(turn, task, error, cause),
            Signal::ActivityStarted { task, worker } => execution.activity_started(turn, task, worker),
            Signal::Heartbeat { task } => execution.heartbeat(turn, task),
            Signal::TimerFired { timer } => execution.timer_fired(turn, timer),
            Signal::MapRunEnded { run, outcome } => execution.map_run_ended(turn, run, outcome),
            Signal::Redriven if redrivable => execution.redrive(turn),
            Signal::Redriven => {}
            Signal::StopRequested { error, cause } => execution.stop(turn, error, cause),
        })
    }

    /// Whether it still runs, or how it ended.
    pub fn status(&self) -> Status {
        self.data.status
    }

    /// The id of its last event.
    pub fn last_event_id(&self) -> u64 {
        self.data.last_event_id
    }

    /// The timers that are running, and when they fire.
    pub fn timers(&self) -> impl Iterator<Item = (TimerId, Timestamp)> {
        self.data.timers.iter().map(|(id, timer)| (*id, timer.at))
    }

    /// Whether there is more to do at once.
    pub fn has_more(&self) -> bool {
        self.data.status == Status::Running && !self.data.queue.is_empty()
    }

    /// Everything it is, to be restored later.
    pub fn snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(&self.data).unwrap_or_default()
    }

    /// An execution from its snapshot.
    pub fn restore(definition: Arc<Definition>, snapshot: &[u8]) -> Result<Self, RestoreError> {
        #[derive(serde::Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(snapshot)?;
        if version != VERSION {
            return Err(RestoreError::Version { found: version });
        }
        let data = serde_json::from_slice(snapshot)?;
        Ok(Self { definition, data, aside: redrive::Aside::default(), probe: None })
    }

    /// Whether it ended badly, and its history has room for a redrive and what follows.
    fn is_redrivable(&self) -> bool {
        !self.data.context.express
            && self.data.last_event_id < MAX_EVENTS - 1
            && !matches!(self.data.status, Status::Running | Status::Succeeded)
    }

    /// How long the execution may run: only the outermost machine has a limit.
    fn timeout_seconds(&self, definition: &Definition) -> Option<u64> {
        let machine = self.data.scopes.get(&ROOT)?.machine;
        definition.timeout_seconds.filter(|_| machine == definition.outermost())
    }

    fn turn(&mut self, at: Timestamp, act: impl FnOnce(&mut Self, &mut Turn<'_>)) -> Step {
        let definition = Arc::clone(&self.definition);
        self.data.now = at;
        let mut turn = Turn { definition: &definition, at, step: Step::default() };
        act(self, &mut turn);
        self.run(&mut turn);
        self.forget_aside();
        self.enforce_event_limit(&mut turn);
        turn.step
    }

    /// Adds an event that does not become the one its scope's next event follows.
    fn emit_beside(
        &mut self,
        turn: &mut Turn<'_>,
        previous: u64,
        event_type: EventType,
        details: Details,
    ) -> u64 {
        self.data.last_event_id += 1;
        let id = self.data.last_event_id;
        turn.step.events.push(HistoryEvent {
            id,
            previous_event_id: previous,
            timestamp: turn.at,
            event_type,
            details,
        });
        id
    }

    /// Adds an event that follows the scope's last one.
    fn emit(&mut self, turn: &mut Turn<'_>, scope: u64, event_type: EventType, details: Details) -> u64 {
        let previous = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        let id = self.emit_beside(turn, previous, event_type, details);
        if let Some(scope) = self.data.scopes.get_mut(&scope) {
            scope.last_event = id;
        }
        id
    }

    fn start_timer(&mut self, turn: &mut Turn<'_>, scope: u64, purpose: Purpose, at: Timestamp) -> TimerId {
        let timer = TimerId(self.data.next_id());
        self.data.timers.insert(timer, scopes::Timer { scope, purpose, at });
        turn.step.commands.push(Command::StartTimer { timer, at });
        timer
    }

    fn cancel_timer(&mut self, turn: &mut Turn<'_>, timer: Option<TimerId>) {
        let Some(timer) = timer else { return };
        if let Some(found) = self.data.timers.remove(&timer) {
            turn.step.commands.push(Command::CancelTimer { timer, at: found.at });
        }
    }

    fn timer_fired(&mut self, turn: &mut Turn<'_>, timer: TimerId) {
        let Some(scopes::Timer { scope, purpose, .. }) = self.data.timers.remove(&timer) else { return };
        match purpose {
            Purpose::Execution => {
                let details =
                    Details::Failed { error: Some(crate::failure::TIMEOUT.to_owned()), cause: None };
                self.emit_beside(turn, 0, EventType::ExecutionTimedOut, details);
                self.end(turn, Outcome::TimedOut);
            }
            Purpose::Wait => self.wait_over(turn, scope),
            Purpose::Backoff => self.retry(turn, scope),
            Purpose::TaskTimeout => self.task_timed_out(turn, scope, false),
            Purpose::Heartbeat => self.task_timed_out(turn, scope, true),
        }
    }

    fn stop(&mut self, turn: &mut Turn<'_>, error: Option<String>, cause: Option<String>) {
        let failure = crate::failure::Failure::given(error, cause);
        let details = Details::Failed { error: failure.error.clone(), cause: failure.cause.clone() };
        self.emit_beside(turn, 0, EventType::ExecutionAborted, details);
        self.end(turn, Outcome::Aborted(failure));
    }

    /// Ends the execution: whatever is under way is called off.
    fn end(&mut self, turn: &mut Turn<'_>, outcome: Outcome) {
        self.data.status = outcome.status();
        self.call_off(turn);
        if outcome.status() == Status::Succeeded || self.data.context.express {
            self.data.scopes.clear();
        } else {
            self.keep();
        }
        self.data.queue.clear();
        turn.step.outcome = Some(outcome);
        turn.step.more = false;
    }

    /// A history has at most 25,000 events; the one that would be beyond is not written, and the execution fails.
    fn enforce_event_limit(&mut self, turn: &mut Turn<'_>) {
        let last = self.data.last_event_id;
        if self.data.context.express || last < MAX_EVENTS || last == MAX_EVENTS && turn.step.outcome.is_some()
        {
            return;
        }
        turn.step.events.retain(|event| event.id < MAX_EVENTS);
        self.data.last_event_id = MAX_EVENTS - 1;
        let failure = crate::failure::Failure::runtime(
            "The execution reached the maximum number of history events (25000).",
        );
        let details = Details::Failed { error: failure.error.clone(), cause: failure.cause.clone() };
        self.emit_beside(turn, MAX_EVENTS - 1, EventType::ExecutionFailed, details);
        self.end(turn, Outcome::Failed(failure));
        turn.step.commands.retain(|command| match command {
            Command::CancelTask { .. }
            | Command::CancelTimer { .. }
            | Command::StopExecution { .. }
            | Command::StopMapRun { .. } => true,
            Command::ScheduleTask(_)
            | Command::StartTimer { .. }
            | Command::StartMapRun(_)
            | Command::RedriveMapRun { .. } => false,
        });
    }
}
