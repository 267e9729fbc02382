//! One state on its own, as TestState runs it: given an input, variables and a context object, and what its task, its
//! branches or its iterations are supposed to give.
//!
//! It is the interpreter itself that runs the state; a probe only keeps it from going further, and notes what passes
//! by on the way ([`Inspection`]). Knows nothing of requests, of services, or of who does tasks.

mod record;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

pub use record::Inspection;
pub(super) use record::{Limit, Recorder, Stage};

use super::{
    Execution, Outcome, ScheduledTask, Signal, Step, Turn,
    redrive::Aside,
    scopes::{Activity, Data, ROOT, Scope, Visit},
};
use crate::{
    definition::{Definition, Next, State, StateKind},
    failure::{self, Failure},
    history::EventType,
    map_run::{Limits, MapRunSpec},
    payload::Payload,
    scope::{ContextObject, MapItem},
    seed::Seed,
    time::Timestamp,
};

/// What a state is tried with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What is known of the execution.
    pub context: ContextObject,
    /// The context object in place of the one made of `context`.
    pub context_object: Option<Value>,
    /// The state's input.
    pub input: Payload,
    /// Variables that have been assigned.
    pub variables: BTreeMap<String, Payload>,
    /// Whether the state is within a Map, whose item its input then is.
    pub in_map: bool,
    /// How often the retrier that a failure meets was used before.
    pub retries: u32,
    /// How many of a Map's iterations failed.
    pub failed_iterations: u64,
    /// Where random numbers come from.
    pub seed: u64,
}

/// What a state's task, branches or iterations gave, or are supposed to give.
#[derive(Debug, Clone)]
pub enum Supposed {
    /// A result.
    Result(Payload),
    /// An error.
    Failed(Failure),
}

/// How a state ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It went on to another state, or ended its machine.
    Succeeded {
        /// Its output.
        output: Payload,
        /// The name of the state it goes to.
        next: Option<Arc<str>>,
    },
    /// A catcher took its failure.
    Caught {
        /// The failure.
        failure: Failure,
        /// Its output.
        output: Payload,
        /// The name of the state it goes to.
        next: Option<Arc<str>>,
    },
    /// It would be tried again.
    Retriable(Failure),
    /// It failed.
    Failed(Failure),
}

/// What a state waits for.
#[derive(Debug, Clone)]
pub enum Awaits {
    /// Nothing: it has ended.
    Nothing(Ending),
    /// Its task.
    Task(Box<ScheduledTask>),
    /// A moment.
    Time(Timestamp),
    /// Its branches or iterations, which only [`Probe::suppose`] can give.
    Children,
}

/// A state under test.
#[derive(Debug)]
pub struct Probe {
    execution: Execution,
    ending: Option<Ending>,
}

impl Probe {
    /// Enters the first state of a definition's outermost machine, and runs it as far as it goes by itself.
    pub fn begin(definition: Arc<Definition>, setting: Setting, at: Timestamp) -> Self {
        let machine = definition.outermost();
        let place = definition.machines[machine].start;
        let retriers = definition.machines[machine].states[place].handlers().map_or(0, |it| it.retry.len());
        let mut root = Scope::new(None, machine, 0);
        root.item = setting.in_map.then(|| MapItem {
            index: 0,
            value: setting.input.clone(),
            key: None,
            source: None,
        });
        root.variables = setting.variables.clone();
        root.visit = Some(Box::new(Visit {
            place,
            input: setting.input.clone(),
            entered_event: 1,
            previous_event: 0,
            entered: at,
            retries: vec![setting.retries; retriers.min(1)],
            task_token: None,
            activity: Activity::Passing,
        }));
        let mut data = Data::new(setting.context, setting.input, Seed::new(setting.seed), at, root);
        data.queue.clear();
        let recorder = Recorder::new(
            setting.context_object,
            setting.failed_iterations,
            setting.retries,
            setting.variables,
        );
        let mut probe = Self {
            execution: Execution {
                definition,
                data,
                aside: Aside::default(),
                probe: Some(Box::new(recorder)),
            },
            ending: None,
        };
        probe.turn(at, |execution, turn| {
            if let Some(state) = execution.state(turn, ROOT) {
                execution.begin(turn, ROOT, state);
                execution.start_all_iterations(turn, state);
            }
        });
        probe
    }

    /// What it waits for, or how it ended.
    pub fn awaits(&self) -> Awaits {
        if let Some(ending) = &self.ending {
            return Awaits::Nothing(ending.clone());
        }
        match self.execution.data.visit(ROOT).map(|visit| &visit.activity) {
            Some(Activity::Task(task)) => Awaits::Task(Box::new(task.scheduled.clone())),
            Some(Activity::Parallel(_) | Activity::Map(_) | Activity::MapRun(_)) => Awaits::Children,
            Some(Activity::Waiting(_) | Activity::Passing) | None => {
                Awaits::Time(self.next_timer().unwrap_or(self.execution.data.now))
            }
        }
    }

    /// What a Map in the mode DISTRIBUTED runs over: its items are for the caller to read.
    pub fn map_run(&self) -> Option<Arc<MapRunSpec>> {
        self.execution.outstanding_map_runs().next().map(|(spec, _)| spec)
    }

    /// Says how many items a Map in the mode DISTRIBUTED has.
    pub fn count_items(&mut self, items: u64) {
        if let Some(recorder) = &mut self.execution.probe {
            recorder.items = items;
        }
    }

    /// When its next timer fires, if one runs.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.execution.timers().map(|(_, at)| at).min()
    }

    /// Lets time pass: the timers up to `at` fire.
    pub fn pass_time(&mut self, at: Timestamp) {
        while self.ending.is_none()
            && let Some((timer, _)) = self
                .execution
                .timers()
                .filter(|(_, due)| *due <= at)
                .min_by_key(|(timer, due)| (*due, *timer))
        {
            let step = self.execution.handle(Signal::TimerFired { timer }, at);
            self.note_ending(&step);
        }
    }

    /// Gives what the state waits for.
    pub fn suppose(&mut self, supposed: Supposed, at: Timestamp) {
        self.turn(at, |execution, turn| execution.suppose(turn, supposed));
    }

    /// Ends it as too slow.
    pub fn time_out(&mut self) {
        self.ending = Some(Ending::Failed(Failure::named(failure::TIMEOUT)));
    }

    /// What was seen on the way.
    pub fn inspection(&self) -> Inspection {
        self.execution.probe.as_ref().map(|recorder| recorder.inspection()).unwrap_or_default()
    }

    /// Like a turn of an execution, but that nothing beside the state under test runs.
    fn turn(&mut self, at: Timestamp, act: impl FnOnce(&mut Execution, &mut Turn<'_>)) {
        let definition = Arc::clone(&self.execution.definition);
        self.execution.data.now = at;
        let mut turn = Turn { definition: &definition, at, step: Step::default() };
        act(&mut self.execution, &mut turn);
        self.note_ending(&turn.step);
    }

    fn note_ending(&mut self, step: &Step) {
        let Some(recorder) = &self.execution.probe else { return };
        let name = |next: Next| match next {
            Next::End => None,
            Next::State(place) => {
                let definition = &self.execution.definition;
                Some(Arc::clone(&definition.machines[definition.outermost()].states[place].name))
            }
        };
        self.ending = match (&recorder.left, &recorder.failure, &step.outcome) {
            (Some((output, next)), Some(failure), _) => {
                Some(Ending::Caught { failure: failure.clone(), output: output.clone(), next: name(*next) })
            }
            (Some((output, next)), None, _) => {
                Some(Ending::Succeeded { output: output.clone(), next: name(*next) })
            }
            (None, _, Some(Outcome::Failed(failure) | Outcome::Aborted(failure))) => {
                Some(Ending::Failed(failure.clone()))
            }
            (None, _, Some(Outcome::TimedOut)) => Some(Ending::Failed(Failure::named(failure::TIMEOUT))),
            (None, Some(failure), _) => Some(Ending::Retriable(failure.clone())),
            (None, None, _) => self.ending.take(),
        };
    }
}

impl Execution {
    /// Starts the iterations of a Map beyond those its concurrency allows, so that all inputs are made. None of them
    /// runs.
    fn start_all_iterations(&mut self, turn: &mut Turn<'_>, state: &State) {
        if !matches!(state.kind, StateKind::Map(_)) {
            return;
        }
        while let Some(Activity::Map(running)) = self.data.visit(ROOT).map(|visit| &visit.activity)
            && running.next < running.results.len()
        {
            if let Err(failure) = self.start_iteration(turn, ROOT, 0) {
                self.abandon_map(turn, ROOT);
                return self.fail_in_state(turn, ROOT, failure);
            }
        }
    }

    /// Takes what a state's task, branches or iterations gave, on the way what they really give takes.
    fn suppose(&mut self, turn: &mut Turn<'_>, supposed: Supposed) {
        let Some(state) = self.state(turn, ROOT) else { return };
        let Some(visit) = self.data.visit_mut(ROOT) else { return };
        let closing = match &visit.activity {
            Activity::Task(running) => {
                let task = running.scheduled.task;
                return match supposed {
                    Supposed::Result(output) => self.task_succeeded(turn, task, output),
                    Supposed::Failed(failure) => self.task_failed(turn, task, failure.error, failure.cause),
                };
            }
            Activity::Parallel(_) => EventType::ParallelStateFailed,
            Activity::Map(_) | Activity::MapRun(_) => EventType::MapStateFailed,
            Activity::Passing | Activity::Waiting(_) => return,
        };
        let activity = std::mem::replace(&mut visit.activity, Activity::Passing);
        let exceeded = self.fails_too_often(&activity);
        match supposed {
            Supposed::Failed(failure) => self.fail(turn, ROOT, failure, Some(closing)),
            Supposed::Result(_) if exceeded => {
                self.fail(turn, ROOT, Failure::threshold_exceeded(), Some(closing));
            }
            Supposed::Result(result) => {
                if let Err(failure) = self.complete(turn, ROOT, state, result) {
                    self.fail_in_state(turn, ROOT, failure);
                }
            }
        }
    }

    /// Whether more of a Map's iterations failed than it tolerates.
    fn fails_too_often(&self, activity: &Activity) -> bool {
        let Some(recorder) = &self.probe else { return false };
        let failed = recorder.failed_iterations;
        match activity {
            Activity::Map(map) => map
                .tolerated
                .is_some_and(|tolerated| u64::try_from(tolerated).is_ok_and(|tolerated| failed > tolerated)),
            Activity::MapRun(run) => {
                let Limits { tolerated_count, tolerated_percentage, .. } = run.spec.limits;
                #[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^53")]
                let percentage = failed as f64 * 100.0 / recorder.items.max(1) as f64;
                tolerated_count.is_some_and(|most| failed > most)
                    || tolerated_percentage.is_some_and(|most| percentage > most)
            }
            Activity::Parallel(_) | Activity::Task(_) | Activity::Passing | Activity::Waiting(_) => false,
        }
    }
}
