//! What became of each state in an execution, from the events of its history.

use std::{collections::BTreeMap, sync::Arc};

/// What became of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is being visited.
    Running,
    /// It was left with a result.
    Succeeded,
    /// It failed, and a catcher took the failure.
    Caught,
    /// It failed.
    Failed,
    /// It was called off.
    Aborted,
}

/// What became of all states so far.
#[derive(Debug, Default)]
pub struct Progress {
    states: BTreeMap<Arc<str>, Visits>,
    /// The state that each event belongs to.
    owners: BTreeMap<u64, Arc<str>>,
    /// Events that say that a Map or Parallel failed; its own event comes next if the failure is caught.
    closing: Option<u64>,
}

/// How often a state was visited, and how it went.
#[derive(Debug, Default)]
struct Visits {
    entered: u64,
    left: u64,
    caught: u64,
    failed: u64,
    aborted: u64,
    retries: u64,
    /// Its last attempt failed.
    failing: bool,
}

impl Progress {
    /// Takes the next event: its ids, its type, and the state it names, if it names one.
    pub fn note(&mut self, id: u64, previous: u64, event_type: &str, name: Option<&str>) {
        let named = event_type.ends_with("StateEntered") || event_type.ends_with("StateExited");
        let owner = if named { name.map(Arc::from) } else { self.owners.get(&previous).cloned() };
        if event_type.starts_with("Execution") {
            return self.ended(event_type);
        }
        let Some(owner) = owner else { return };
        self.owners.insert(id, Arc::clone(&owner));
        let caught = self.closing == Some(previous);
        let visits = self.states.entry(owner).or_default();
        match event_type {
            "FailStateEntered" => {
                visits.entered += 1;
                visits.failed += 1;
            }
            _ if event_type.ends_with("StateEntered") => {
                visits.entered += 1;
                visits.failing = false;
            }
            _ if event_type.ends_with("StateExited") => {
                visits.left += 1;
                visits.caught += u64::from(visits.failing || caught);
                visits.failing = false;
            }
            // These follow the last event within, which is another state's.
            "MapStateFailed" | "ParallelStateFailed" => self.closing = Some(id),
            "MapIterationFailed" => visits.end(|visits| &mut visits.failed),
            "MapIterationAborted" => visits.end(|visits| &mut visits.aborted),
            _ if event_type.ends_with("StateAborted") && visits.failing => {
                visits.end(|visits| &mut visits.failed);
            }
            _ if event_type.ends_with("StateAborted") => visits.end(|visits| &mut visits.aborted),
            _ if event_type.ends_with("Failed") || event_type.ends_with("TimedOut") => visits.failing = true,
            _ if event_type.ends_with("Scheduled") && visits.failing => {
                visits.retries += 1;
                visits.failing = false;
            }
            _ if event_type.ends_with("Succeeded") => visits.failing = false,
            _ => {}
        }
    }

    /// The execution's own events.
    fn ended(&mut self, event_type: &str) {
        for visits in self.states.values_mut().filter(|visits| visits.is_open()) {
            match event_type {
                "ExecutionFailed" => visits.end(|visits| &mut visits.failed),
                "ExecutionAborted" | "ExecutionTimedOut" => visits.end(|visits| &mut visits.aborted),
                _ => {}
            }
        }
    }

    /// What became of a state; none if it was not reached.
    pub fn mark(&self, name: &str) -> Option<Mark> {
        let visits = self.states.get(name)?;
        Some(if visits.failed > 0 || visits.failing {
            Mark::Failed
        } else if visits.is_open() {
            Mark::Running
        } else if visits.caught > 0 {
            Mark::Caught
        } else if visits.aborted > 0 {
            Mark::Aborted
        } else {
            Mark::Succeeded
        })
    }

    /// How often a state was entered, and how often it was tried again.
    pub fn counts(&self, name: &str) -> (u64, u64) {
        self.states.get(name).map_or((0, 0), |visits| (visits.entered, visits.retries))
    }

    /// The state that an event belongs to.
    pub fn owner(&self, event: u64) -> Option<&str> {
        self.owners.get(&event).map(|name| &**name)
    }
}

impl Visits {
    fn is_open(&self) -> bool {
        self.entered > self.left + self.failed + self.aborted
    }

    fn end(&mut self, as_what: impl FnOnce(&mut Self) -> &mut u64) {
        if self.is_open() {
            *as_what(self) += 1;
        }
        self.failing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_go_to_the_state_they_belong_to() {
        let mut progress = Progress::default();
        let events = [
            (1, 0, "ExecutionStarted", None),
            (2, 0, "ParallelStateEntered", Some("P")),
            (3, 2, "ParallelStateStarted", None),
            (4, 3, "TaskStateEntered", Some("T")),
            (5, 3, "PassStateEntered", Some("Q")),
            (6, 5, "PassStateExited", Some("Q")),
            (7, 4, "TaskScheduled", None),
            (8, 7, "TaskFailed", None),
            (9, 8, "TaskScheduled", None),
            (10, 9, "TaskFailed", None),
            (11, 10, "TaskStateAborted", None),
            (12, 11, "ParallelStateFailed", None),
            (13, 12, "ParallelStateExited", Some("P")),
            (14, 13, "WaitStateEntered", Some("W")),
        ];
        for (id, previous, event_type, name) in events {
            progress.note(id, previous, event_type, name);
        }
        let marks = ["P", "T", "Q", "W", "N"].map(|name| progress.mark(name));
        let expected = [Mark::Caught, Mark::Failed, Mark::Succeeded, Mark::Running].map(Some);
        assert_eq!(marks[..4], expected);
        assert_eq!((marks[4], progress.counts("T")), (None, (1, 1)));
        progress.note(15, 14, "ExecutionAborted", None);
        assert_eq!(progress.mark("W"), Some(Mark::Aborted));
    }
}
