//! A Map Run: what a Map state in the mode DISTRIBUTED starts, and of which its execution sees only the end.
//!
//! [`MapRun`] is a machine of its own: it is told what happens and says what is to be done. It counts children and
//! items and knows when too many failed; which child is which, and what it was given, is its driver's to know.
//! [`Inputs`] makes the inputs of children from items.

mod item;
mod spec;

use serde::{Deserialize, Serialize};

pub use item::{ChildInput, Inputs, Item};
pub use spec::{Batching, Items, Limits, MapRunSpec, ReadItems, Results, SelectorContext};

use crate::{
    execution::Status,
    failure::{self, Failure},
    payload::Payload,
};

/// How many children run at a time at most.
pub const MAX_CONCURRENCY: u64 = 10_000;

/// How many children are asked for at once; the driver is asked again once they are started.
const BATCH: u64 = 256;

/// How many are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of AWS's counts")]
pub struct Counts {
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub aborted: u64,
    pub total: u64,
    pub results_written: u64,
    pub failures_not_redrivable: u64,
    pub pending_redrive: u64,
}

/// What happened to a Map Run.
#[derive(Debug, Clone)]
pub enum MapRunSignal {
    /// It begins.
    Begun,
    /// Its items are there.
    ItemsRead {
        /// How many children they make.
        children: u64,
        /// How many they are.
        items: u64,
    },
    /// Its items could not be read.
    ItemsReadFailed(Failure),
    /// Children that were asked for run.
    ChildrenStarted {
        /// How many.
        children: u64,
        /// How many items are in them.
        items: u64,
    },
    /// A child ended.
    ChildEnded {
        /// How.
        status: Status,
        /// How many items are in it.
        items: u64,
    },
    /// What its results came to.
    ResultsWritten(Result<Payload, Failure>),
    /// UpdateMapRun.
    Updated(Limits),
    /// Its execution does not wait for it any more.
    StopRequested,
    /// A driver that could not start a child says so, after it took back that the child runs.
    Failed(Failure),
}

/// What a Map Run asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum MapRunCommand {
    /// Read the items, and keep the inputs they make.
    ReadItems,
    /// Start the next children; then say [`MapRunSignal::ChildrenStarted`].
    StartChildren {
        /// How many.
        count: u64,
    },
    /// Stop the children that run and can be stopped.
    StopChildren,
    /// Put the results together, or write them where they go.
    WriteResults,
    /// It has ended.
    End(MapRunOutcome),
}

/// How a Map Run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MapRunOutcome {
    /// With the result of the Map state.
    Succeeded {
        /// The result.
        output: Payload,
    },
    /// With an error.
    Failed(Failure),
    /// Because nobody waits for it.
    Aborted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    Running,
    Writing,
    Ended,
}

/// A Map Run's machine.
#[derive(Debug)]
pub struct MapRun {
    limits: Limits,
    phase: Phase,
    children: Counts,
    items: Counts,
    /// Children that were asked for and have not been reported as started.
    starting: u64,
    /// Why it ends early.
    stopped: Option<MapRunOutcome>,
}

impl MapRun {
    /// A Map Run that has not begun.
    pub fn new(limits: Limits) -> Self {
        let (children, items) = (Counts::default(), Counts::default());
        Self { limits, phase: Phase::Reading, children, items, starting: 0, stopped: None }
    }

    /// A Map Run whose items were read, and of whose children some have ended or run: after a restart, or for a
    /// redrive. Send [`MapRunSignal::ChildrenStarted`] with no children to let it go on.
    pub fn resumed(limits: Limits, children: Counts, items: Counts) -> Self {
        Self { limits, phase: Phase::Running, children, items, starting: 0, stopped: None }
    }

    /// How many may run and fail.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The counts of children and of items.
    pub fn counts(&self) -> (Counts, Counts) {
        (self.children, self.items)
    }

    /// Notes that a child that is being redriven cannot be, and stays as it ended.
    pub fn not_redrivable(&mut self, items: u64) {
        self.children.failures_not_redrivable += 1;
        self.items.failures_not_redrivable += items;
    }

    /// Tells it something; answers what is to be done.
    pub fn handle(&mut self, signal: MapRunSignal) -> Vec<MapRunCommand> {
        match signal {
            MapRunSignal::Begun => return vec![MapRunCommand::ReadItems],
            MapRunSignal::ItemsRead { children, items } => {
                (self.children.total, self.children.pending) = (children, children);
                (self.items.total, self.items.pending) = (items, items);
                self.phase = Phase::Running;
            }
            MapRunSignal::ItemsReadFailed(failure) => {
                self.phase = Phase::Ended;
                let outcome = self.stopped.take().unwrap_or(MapRunOutcome::Failed(failure));
                return vec![MapRunCommand::End(outcome)];
            }
            MapRunSignal::ChildrenStarted { children, items } => {
                self.starting -= children.min(self.starting);
                self.items.run(items);
            }
            MapRunSignal::ChildEnded { status, items } => {
                self.children.end(status, 1);
                self.items.end(status, items);
            }
            MapRunSignal::ResultsWritten(written) => return self.written(written),
            MapRunSignal::Updated(limits) => self.limits = limits,
            MapRunSignal::StopRequested => return self.stop(MapRunOutcome::Aborted),
            MapRunSignal::Failed(failure) => return self.stop(MapRunOutcome::Failed(failure)),
        }
        self.go_on()
    }

    fn go_on(&mut self) -> Vec<MapRunCommand> {
        if self.phase != Phase::Running {
            return Vec::new();
        }
        if self.stopped.is_none() && self.exceeds_tolerance() {
            let failure = Failure::new(
                failure::EXCEED_TOLERATED_FAILURE_THRESHOLD,
                "The specified tolerated failure threshold was exceeded",
            );
            return self.stop(MapRunOutcome::Failed(failure));
        }
        if self.stopped.is_none() && self.starting == 0 {
            let waiting = self.children.pending + self.children.pending_redrive;
            let count = self.concurrency().saturating_sub(self.children.running).min(waiting).min(BATCH);
            if count > 0 {
                self.starting = count;
                self.children.run(count);
                return vec![MapRunCommand::StartChildren { count }];
            }
        }
        let waiting = self.children.pending + self.children.pending_redrive;
        if self.children.running == 0 && (self.stopped.is_some() || waiting == 0) {
            self.phase = Phase::Writing;
            return vec![MapRunCommand::WriteResults];
        }
        Vec::new()
    }

    fn stop(&mut self, outcome: MapRunOutcome) -> Vec<MapRunCommand> {
        if self.stopped.is_some() || self.phase == Phase::Ended {
            return Vec::new();
        }
        self.stopped = Some(outcome);
        if self.phase != Phase::Running {
            return Vec::new();
        }
        let mut commands = vec![MapRunCommand::StopChildren];
        commands.extend(self.go_on());
        commands
    }

    fn written(&mut self, written: Result<Payload, Failure>) -> Vec<MapRunCommand> {
        self.phase = Phase::Ended;
        let outcome = match (self.stopped.take(), written) {
            (Some(stopped), _) => stopped,
            (None, Ok(output)) => {
                self.children.results_written = self.children.succeeded;
                self.items.results_written = self.items.succeeded;
                MapRunOutcome::Succeeded { output }
            }
            (None, Err(failure)) => MapRunOutcome::Failed(failure),
        };
        vec![MapRunCommand::End(outcome)]
    }

    fn concurrency(&self) -> u64 {
        match self.limits.max_concurrency {
            0 => MAX_CONCURRENCY,
            most => most.min(MAX_CONCURRENCY),
        }
    }

    /// Whether more items failed than may. Without limits none may; with both, either is enough to fail.
    fn exceeds_tolerance(&self) -> bool {
        let failed = self.items.failed + self.items.timed_out + self.items.aborted;
        if failed == 0 {
            return false;
        }
        let Limits { tolerated_count, tolerated_percentage, .. } = self.limits;
        #[expect(clippy::cast_precision_loss, reason = "counts of items are far below 2^53")]
        let percentage = failed as f64 * 100.0 / self.items.total.max(1) as f64;
        match (tolerated_count, tolerated_percentage) {
            (None, None) => true,
            (count, most) => {
                count.is_some_and(|most| failed > most) || most.is_some_and(|most| percentage > most)
            }
        }
    }
}

impl Counts {
    /// So many begin to run: those first that wait for a redrive.
    fn run(&mut self, count: u64) {
        let redriven = count.min(self.pending_redrive);
        self.pending_redrive -= redriven;
        self.pending -= (count - redriven).min(self.pending);
        self.running += count;
    }

    /// So many end.
    fn end(&mut self, status: Status, count: u64) {
        self.running -= count.min(self.running);
        *self.of(status) += count;
    }

    /// The count of a state.
    pub fn of(&mut self, status: Status) -> &mut u64 {
        match status {
            Status::Running => &mut self.running,
            Status::Succeeded => &mut self.succeeded,
            Status::Failed => &mut self.failed,
            Status::TimedOut => &mut self.timed_out,
            Status::Aborted => &mut self.aborted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(limits: Limits, children: u64) -> (MapRun, Vec<MapRunCommand>) {
        let mut run = MapRun::new(limits);
        assert_eq!(run.handle(MapRunSignal::Begun), [MapRunCommand::ReadItems]);
        let commands = run.handle(MapRunSignal::ItemsRead { children, items: children });
        (run, commands)
    }

    fn started(run: &mut MapRun, children: u64) -> Vec<MapRunCommand> {
        run.handle(MapRunSignal::ChildrenStarted { children, items: children })
    }

    fn ended(run: &mut MapRun, status: Status) -> Vec<MapRunCommand> {
        run.handle(MapRunSignal::ChildEnded { status, items: 1 })
    }

    #[test]
    fn no_more_children_run_than_may() {
        let limits = Limits { max_concurrency: 2, ..Limits::default() };
        let (mut run, commands) = begun(limits, 4);
        assert_eq!(commands, [MapRunCommand::StartChildren { count: 2 }]);
        assert_eq!(started(&mut run, 2), []);
        assert_eq!(ended(&mut run, Status::Succeeded), [MapRunCommand::StartChildren { count: 1 }]);
        assert_eq!(started(&mut run, 1), []);
        let more = Limits { max_concurrency: 0, ..limits };
        assert_eq!(run.handle(MapRunSignal::Updated(more)), [MapRunCommand::StartChildren { count: 1 }]);
        started(&mut run, 1);
        for _ in 0..2 {
            assert_eq!(ended(&mut run, Status::Succeeded), []);
        }
        assert_eq!(ended(&mut run, Status::Succeeded), [MapRunCommand::WriteResults]);
        let output = Payload::empty_object();
        let end = run.handle(MapRunSignal::ResultsWritten(Ok(output.clone())));
        assert_eq!(end, [MapRunCommand::End(MapRunOutcome::Succeeded { output })]);
        assert_eq!(run.counts().0.results_written, 4);
    }

    #[test]
    fn many_children_are_asked_for_in_parts() {
        let (mut run, commands) = begun(Limits::default(), 300);
        assert_eq!(commands, [MapRunCommand::StartChildren { count: 256 }]);
        assert_eq!(started(&mut run, 256), [MapRunCommand::StartChildren { count: 44 }]);
        let (_, commands) = begun(Limits::default(), 0);
        assert_eq!(commands, [MapRunCommand::WriteResults]);
    }

    #[test]
    fn either_tolerance_is_enough_to_fail() {
        for (count, percentage, tolerated) in [
            (None, None, 0),
            (Some(2), None, 2),
            (None, Some(30.0), 3),
            (Some(5), Some(10.0), 1),
            (Some(1), Some(100.0), 1),
        ] {
            let limits =
                Limits { max_concurrency: 0, tolerated_count: count, tolerated_percentage: percentage };
            let (mut run, _) = begun(limits, 10);
            started(&mut run, 10);
            for _ in 0..tolerated {
                assert_eq!(ended(&mut run, Status::TimedOut), [], "{limits:?}");
            }
            assert_eq!(ended(&mut run, Status::Failed), [MapRunCommand::StopChildren], "{limits:?}");
        }
    }

    #[test]
    fn a_run_that_is_stopped_waits_for_its_children() {
        let (mut run, _) = begun(Limits { max_concurrency: 1, ..Limits::default() }, 3);
        started(&mut run, 1);
        assert_eq!(run.handle(MapRunSignal::StopRequested), [MapRunCommand::StopChildren]);
        assert_eq!(run.handle(MapRunSignal::StopRequested), []);
        assert_eq!(ended(&mut run, Status::Aborted), [MapRunCommand::WriteResults]);
        let end = run.handle(MapRunSignal::ResultsWritten(Ok(Payload::empty_object())));
        assert_eq!(end, [MapRunCommand::End(MapRunOutcome::Aborted)]);
        let (children, _) = run.counts();
        assert_eq!((children.pending, children.aborted), (2, 1));
    }
}
