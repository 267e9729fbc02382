//! What an execution keeps between signals.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Command, Status, TaskId, TimerId, VERSION};
use crate::{
    definition::{Pattern, Resource},
    map_run::MapRunSpec,
    payload::Payload,
    scope::{ContextObject, MapItem, Variables},
    seed::Seed,
    time::Timestamp,
};

/// The id of the outermost scope.
pub(super) const ROOT: u64 = 0;

/// Everything but the definition.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Data {
    pub(super) version: u32,
    pub(super) context: ContextObject,
    pub(super) input: Payload,
    pub(super) started: Timestamp,
    /// The moment of the last step.
    pub(super) now: Timestamp,
    pub(super) seed: Seed,
    pub(super) status: Status,
    pub(super) last_event_id: u64,
    pub(super) last_id: u64,
    pub(super) scopes: BTreeMap<u64, Scope>,
    /// Scopes that can go on at once.
    pub(super) queue: VecDeque<u64>,
    /// The scope that waits for each task.
    pub(super) tasks: BTreeMap<TaskId, u64>,
    pub(super) timers: BTreeMap<TimerId, Timer>,
    /// How many tasks each state has had, where attempts are counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) attempts: BTreeMap<Arc<str>, u64>,
    /// The scope that waits for each Map Run.
    #[serde(default)]
    pub(super) map_runs: BTreeMap<TaskId, u64>,
    /// How often it was redriven, and when last.
    #[serde(default)]
    pub(super) redriven: (u64, Option<Timestamp>),
}

impl Data {
    pub(super) fn new(
        context: ContextObject,
        input: Payload,
        seed: Seed,
        started: Timestamp,
        root: Scope,
    ) -> Self {
        Self {
            version: VERSION,
            context,
            input,
            started,
            now: started,
            seed,
            status: Status::Running,
            last_event_id: 0,
            last_id: ROOT,
            scopes: BTreeMap::from([(ROOT, root)]),
            queue: VecDeque::from([ROOT]),
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            attempts: BTreeMap::new(),
            map_runs: BTreeMap::new(),
            redriven: (0, None),
        }
    }

    /// A number that nothing else in the execution has.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Which attempt of a state its next task is, where attempts are counted.
    pub(super) fn next_attempt(&mut self, state: &Arc<str>) -> Option<super::TaskPlace> {
        if !self.context.counts_attempts {
            return None;
        }
        let count = self.attempts.entry(Arc::clone(state)).or_default();
        *count += 1;
        Some(super::TaskPlace { state: Arc::clone(state), attempt: *count - 1 })
    }

    /// Adds a scope that can go on at once.
    pub(super) fn add_scope(&mut self, scope: Scope) -> u64 {
        let id = self.next_id();
        self.scopes.insert(id, scope);
        self.queue.push_back(id);
        id
    }

    /// The visit of the state that a scope is in.
    pub(super) fn visit(&self, scope: u64) -> Option<&Visit> {
        self.scopes.get(&scope).and_then(|scope| scope.visit.as_deref())
    }

    /// The same, to be changed.
    pub(super) fn visit_mut(&mut self, scope: u64) -> Option<&mut Visit> {
        self.scopes.get_mut(&scope).and_then(|scope| scope.visit.as_deref_mut())
    }
}

/// A running timer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Timer {
    pub(super) scope: u64,
    pub(super) purpose: Purpose,
    pub(super) at: Timestamp,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Purpose {
    Execution,
    Wait,
    Backoff,
    TaskTimeout,
    Heartbeat,
}

/// A machine that runs: the outermost one, a branch, or an iteration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scope {
    /// The scope it belongs to, and its place there.
    pub(super) parent: Option<(u64, usize)>,
    pub(super) machine: usize,
    /// The event that its next one follows.
    pub(super) last_event: u64,
    pub(super) variables: Variables,
    /// The item, if it is an iteration.
    pub(super) item: Option<MapItem>,
    /// The state to be entered next, and its input.
    pub(super) next: Option<(usize, Payload)>,
    /// The state it is in.
    pub(super) visit: Option<Box<Visit>>,
}

impl Scope {
    pub(super) fn new(parent: Option<(u64, usize)>, machine: usize, last_event: u64) -> Self {
        Self { parent, machine, last_event, variables: Variables::new(), item: None, next: None, visit: None }
    }

    /// Leaves the state it is in, and will enter another.
    pub(super) fn enter_next(&mut self, place: usize, input: Payload) {
        self.visit = None;
        self.next = Some((place, input));
    }
}

/// One stay in a state.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Visit {
    pub(super) place: usize,
    /// The input as it came.
    pub(super) input: Payload,
    pub(super) entered_event: u64,
    /// The event that led into it.
    pub(super) previous_event: u64,
    pub(super) entered: Timestamp,
    /// How often each retrier was used.
    pub(super) retries: Vec<u32>,
    pub(super) task_token: Option<Arc<str>>,
    pub(super) activity: Activity,
}

impl Visit {
    pub(super) fn retry_count(&self) -> u32 {
        self.retries.iter().sum()
    }
}

/// What a state is at.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Activity {
    /// Nothing that lasts.
    Passing,
    /// It waits, for its time or for its next attempt.
    Waiting(TimerId),
    /// Its task is being done.
    Task(RunningTask),
    /// Its branches run.
    Parallel(RunningParallel),
    /// Its iterations run.
    Map(RunningMap),
    /// Its Map Run runs.
    MapRun(RunningMapRun),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunningMapRun {
    pub(super) spec: Arc<MapRunSpec>,
    pub(super) redrives: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunningTask {
    pub(super) scheduled: super::ScheduledTask,
    pub(super) timeout: Option<TimerId>,
    pub(super) heartbeat: Option<TimerId>,
    pub(super) heartbeat_seconds: Option<u64>,
    /// The service's answer, once it took the task on.
    pub(super) submitted: Option<Payload>,
    /// Whether a worker has the activity's task.
    pub(super) started: bool,
}

impl RunningTask {
    /// What calls the task off: also the execution that it started and waits for.
    pub(super) fn cancel(&self) -> Vec<Command> {
        let mut commands = vec![Command::CancelTask { task: self.scheduled.task }];
        let waits = matches!(
            &*self.scheduled.resource,
            Resource::Service { service, pattern: Pattern::Sync | Pattern::Sync2, .. } if service == "states"
        );
        let child = self.submitted.as_ref().filter(|_| waits);
        if let Some(arn) = child.and_then(|answer| answer.value().get("ExecutionArn")?.as_str()) {
            commands.push(Command::StopExecution { execution: arn.into() });
        }
        commands
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunningParallel {
    pub(super) children: Vec<u64>,
    pub(super) results: Vec<Option<Payload>>,
    pub(super) open: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RunningMap {
    /// The state's input after InputPath, which ItemSelector works on.
    pub(super) input: Payload,
    /// An array.
    pub(super) items: Payload,
    /// The next item to start.
    pub(super) next: usize,
    /// The iterations that run, by their index.
    pub(super) running: BTreeMap<usize, u64>,
    pub(super) results: Vec<Option<Payload>>,
    pub(super) concurrency: usize,
    pub(super) failed: usize,
    pub(super) tolerated: Option<usize>,
    /// Iterations before `next` that a redrive starts again.
    #[serde(default)]
    pub(super) again: VecDeque<usize>,
}
