//! Parallel states: a scope for each branch.

use serde_json::Value;

use super::{
    Execution, Turn,
    scopes::{Activity, RunningParallel, Scope},
};
use crate::{
    definition::State,
    failure::Failure,
    history::{Details, EventType},
    payload::Payload,
};

impl Execution {
    pub(super) fn start_parallel(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        branches: &[usize],
    ) -> Result<(), Failure> {
        let input = self.effective_input(scope, state)?;
        if input.exceeds_limits() {
            return Err(Failure::data_limit_exceeded(&state.name));
        }
        let started = self.emit(turn, scope, EventType::ParallelStateStarted, Details::None);
        let children = branches.iter().enumerate().map(|(index, machine)| {
            let mut child = Scope::new(Some((scope, index)), *machine, started);
            child.enter_next(turn.definition.machines[*machine].start, input.clone());
            self.data.add_scope(child)
        });
        let children: Vec<u64> = children.collect();
        let running = RunningParallel { results: vec![None; children.len()], open: children.len(), children };
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Parallel(running);
        }
        Ok(())
    }

    pub(super) fn branch_succeeded(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        index: usize,
        last_event: u64,
        output: Payload,
    ) {
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let Activity::Parallel(parallel) = &mut visit.activity else { return };
        parallel.results[index] = Some(output);
        parallel.open -= 1;
        if parallel.open > 0 {
            return;
        }
        let results = std::mem::take(&mut parallel.results);
        visit.activity = Activity::Passing;
        // The event of its success stands beside: what follows is linked to the branch that ended last.
        self.emit_beside(turn, last_event, EventType::ParallelStateSucceeded, Details::None);
        if let Some(found) = self.data.scopes.get_mut(&scope) {
            found.last_event = last_event;
        }
        let Some(state) = self.state(turn, scope) else { return };
        let result = results.into_iter().flatten().map(Payload::into_value).collect();
        if let Err(failure) = self.complete(turn, scope, state, Payload::new(Value::Array(result))) {
            self.fail_in_state(turn, scope, failure);
        }
    }

    /// One branch failed: the others are called off, and the state fails.
    pub(super) fn branch_failed(&mut self, turn: &mut Turn<'_>, scope: u64, failed: u64, failure: Failure) {
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let Activity::Parallel(parallel) = std::mem::replace(&mut visit.activity, Activity::Passing) else {
            return;
        };
        self.hold(scope, Activity::Parallel(parallel.clone()));
        let mut last_event = 0;
        for child in parallel.children {
            let last = self.discard(turn, child, true);
            if child == failed {
                last_event = last;
            }
        }
        if let Some(found) = self.data.scopes.get_mut(&scope) {
            found.last_event = last_event;
        }
        self.fail(turn, scope, failure, Some(EventType::ParallelStateFailed));
    }
}
