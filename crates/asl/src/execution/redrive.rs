//! Redrive: an execution that ended badly goes on where it ended.
//!
//! At a bad end the scopes are kept as they were, with what they were at called off. Scopes that were discarded while
//! the failure walked outwards are put aside on the way, and put back if nothing takes the failure.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Command, Execution, Status, Turn,
    scopes::{Activity, Purpose, ROOT, Scope},
};
use crate::{
    definition::StateKind,
    history::{Details, EventType},
};

/// What a failure that walks outwards leaves behind.
#[derive(Debug, Default)]
pub(super) struct Aside {
    scopes: Vec<(u64, Scope)>,
    activities: Vec<(u64, Activity)>,
}

impl Execution {
    /// Puts a scope aside that is called off.
    pub(super) fn put_aside(&mut self, id: u64, scope: Scope) {
        if !self.data.context.express {
            self.aside.scopes.push((id, scope));
        }
    }

    /// Keeps what a scope was at when it failed.
    pub(super) fn hold(&mut self, scope: u64, activity: Activity) {
        if !self.data.context.express {
            self.aside.activities.push((scope, activity));
        }
    }

    /// The failure was taken: nothing of what it left behind is needed.
    pub(super) fn forget_aside(&mut self) {
        self.aside = Aside::default();
    }

    /// Keeps the execution as it ended, to be redriven.
    pub(super) fn keep(&mut self) {
        let Aside { scopes, activities } = std::mem::take(&mut self.aside);
        self.data.scopes.extend(scopes);
        for (scope, activity) in activities {
            if let Some(visit) = self.data.visit_mut(scope) {
                visit.activity = activity;
            }
        }
        self.data.tasks.clear();
        self.data.map_runs.clear();
        self.drop_orphans();
    }

    /// Forgets scopes that no other one is waiting for.
    fn drop_orphans(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(scope) = open.pop() {
            let children: Vec<u64> = match self.data.visit(scope).map(|visit| &visit.activity) {
                Some(Activity::Parallel(parallel)) => parallel.children.clone(),
                Some(Activity::Map(map)) => map.running.values().copied().collect(),
                Some(Activity::Passing | Activity::Waiting(_) | Activity::Task(_) | Activity::MapRun(_))
                | None => Vec::new(),
            };
            reached.extend(&children);
            open.extend(children);
        }
        self.data.scopes.retain(|scope, _| reached.contains(scope));
    }

    /// Calls off whatever scopes are at, and leaves them where they are.
    pub(super) fn call_off(&mut self, turn: &mut Turn<'_>) {
        for scope in self.data.scopes.values_mut() {
            let Some(visit) = scope.visit.as_deref_mut() else { continue };
            match &visit.activity {
                Activity::Passing | Activity::Parallel(_) | Activity::Map(_) => {}
                Activity::Waiting(_) => visit.activity = Activity::Passing,
                Activity::Task(task) => {
                    turn.step.commands.extend(task.cancel());
                    visit.activity = Activity::Passing;
                }
                Activity::MapRun(running) => {
                    turn.step.commands.push(Command::StopMapRun { run: Arc::clone(&running.spec) });
                }
            }
        }
        let timers: Vec<_> = self.data.timers.keys().copied().collect();
        for timer in timers {
            self.cancel_timer(turn, Some(timer));
        }
    }

    /// Goes on where the execution ended.
    pub(super) fn redrive(&mut self, turn: &mut Turn<'_>) {
        self.data.status = Status::Running;
        self.data.redriven = (self.data.redriven.0 + 1, Some(turn.at));
        let details = Details::Redriven { count: self.data.redriven.0 };
        let last = self.data.last_event_id;
        let redriven = self.emit_beside(turn, last, EventType::ExecutionRedriven, details);
        if let Some(seconds) = self.timeout_seconds(turn.definition) {
            self.start_timer(turn, ROOT, Purpose::Execution, turn.at.plus_seconds(seconds));
        }
        for scope in self.data.scopes.values_mut() {
            scope.last_event = redriven;
            if let Some(visit) = scope.visit.as_deref_mut() {
                visit.retries.clear();
            }
        }
        let scopes: Vec<u64> = self.data.scopes.keys().copied().collect();
        for scope in scopes {
            // One that fails at once may end the others, or all.
            if self.data.status != Status::Running {
                return;
            }
            self.take_up(turn, scope);
        }
    }

    fn take_up(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(found) = self.data.scopes.get_mut(&scope) else { return };
        if found.next.is_some() {
            if !self.data.queue.contains(&scope) {
                self.data.queue.push_back(scope);
            }
            return;
        }
        let Some(state) = self.state(turn, scope) else { return };
        let Some(visit) = self.data.visit_mut(scope) else { return };
        match &mut visit.activity {
            Activity::Passing => self.begin(turn, scope, state),
            // Its branches are scopes of their own, and are taken up as such.
            Activity::Parallel(parallel) => {
                parallel.open = parallel.results.iter().filter(|result| result.is_none()).count();
            }
            Activity::Map(running) => {
                running.failed = 0;
                running.again = (0..running.next)
                    .filter(|index| running.results[*index].is_none() && !running.running.contains_key(index))
                    .collect();
                self.refill_map(turn, scope);
            }
            Activity::MapRun(running) => {
                running.redrives += 1;
                let (count, spec) = (running.redrives, Arc::clone(&running.spec));
                let details = Details::MapRunRedriven { arn: Arc::clone(&spec.arn), count };
                self.emit(turn, scope, EventType::MapRunRedriven, details);
                self.data.map_runs.insert(spec.run, scope);
                turn.step.commands.push(Command::RedriveMapRun { run: spec, redrives: count });
            }
            // Neither is kept at an end.
            Activity::Waiting(_) | Activity::Task(_) => {}
        }
    }

    /// Starts iterations of a Map as far as there is room.
    fn refill_map(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(state) = self.state(turn, scope) else { return };
        debug_assert!(matches!(state.kind, StateKind::Map(_)), "only a Map state has iterations");
        let started = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        loop {
            let Some(Activity::Map(running)) = self.data.visit(scope).map(|visit| &visit.activity) else {
                return;
            };
            let waiting = !running.again.is_empty() || running.next < running.results.len();
            if !waiting || running.running.len() >= running.concurrency {
                return;
            }
            if let Err(failure) = self.start_iteration(turn, scope, started) {
                self.abandon_map(turn, scope);
                return self.fail_in_state(turn, scope, failure);
            }
        }
    }
}
