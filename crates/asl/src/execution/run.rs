//! From state to state: entering, leaving, ending.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Execution, Outcome, Status, Turn,
    dataflow::After,
    probe::Stage,
    scopes::{Activity, ROOT, Visit},
};
use crate::{
    definition::{FailText, Next, State, StateKind},
    failure::Failure,
    history::{Details, EventType, Text},
    payload::Payload,
    scope::Variables,
};

/// How many states one signal may enter before others get their turn.
const TRANSITIONS: usize = 2_000;

/// The most bytes all variables of a scope may have.
const MAX_VARIABLE_BYTES: usize = 256 * 1024;

impl Execution {
    /// Goes on with every scope that can, one after the other.
    pub(super) fn run(&mut self, turn: &mut Turn<'_>) {
        let mut left = TRANSITIONS;
        while let Some(scope) = self.data.queue.pop_front() {
            while let Some((place, input)) =
                self.data.scopes.get_mut(&scope).and_then(|scope| scope.next.take())
            {
                self.enter(turn, scope, place, input);
                left -= 1;
                if left == 0 && self.data.status == Status::Running {
                    if self.data.scopes.get(&scope).is_some_and(|scope| scope.next.is_some()) {
                        self.data.queue.push_front(scope);
                    }
                    turn.step.more = !self.data.queue.is_empty();
                    return;
                }
            }
        }
    }

    fn enter(&mut self, turn: &mut Turn<'_>, scope: u64, place: usize, input: Payload) {
        let Some(machine) = self.data.scopes.get(&scope).map(|scope| scope.machine) else { return };
        let definition = turn.definition;
        let state = &definition.machines[machine].states[place];
        let details =
            Details::StateEntered { name: Arc::clone(&state.name), input: Arc::clone(input.text()) };
        let previous_event = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        let entered_event = self.emit(turn, scope, entered(state), details);
        let visit = Visit {
            place,
            input,
            entered_event,
            previous_event,
            entered: turn.at,
            retries: Vec::new(),
            task_token: None,
            activity: Activity::Passing,
        };
        if let Some(scope) = self.data.scopes.get_mut(&scope) {
            scope.visit = Some(Box::new(visit));
        }
        self.begin(turn, scope, state);
    }

    /// Does what the state does when it is entered, or tried again.
    pub(super) fn begin(&mut self, turn: &mut Turn<'_>, scope: u64, state: &State) {
        let done = match &state.kind {
            StateKind::Pass { result } => self.pass(turn, scope, state, result.as_ref()),
            StateKind::Task(task) => self.start_task(turn, scope, state, task),
            StateKind::Choice { choices, default } => self.choose(turn, scope, state, choices, *default),
            StateKind::Wait(wait) => self.start_wait(turn, scope, state, wait),
            StateKind::Succeed => self.pass_through(turn, scope, state),
            StateKind::Fail { error, cause } => self.fail_state(turn, scope, state, error, cause),
            StateKind::Parallel { branches, .. } => self.start_parallel(turn, scope, state, branches),
            StateKind::Map(map) => self.start_map(turn, scope, state, map),
        };
        if let Err(failure) = done {
            self.fail_in_state(turn, scope, failure);
        }
    }

    fn pass(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        result: Option<&Payload>,
    ) -> Result<(), Failure> {
        if state.flow.jsonata {
            // A Pass state of JSONata has no result: its Output is made of its input.
            return self.pass_through(turn, scope, state);
        }
        let result = match result {
            Some(result) => result.clone(),
            None => self.effective_input(scope, state)?,
        };
        self.complete(turn, scope, state, result)
    }

    /// What states do that only hand their input on.
    pub(super) fn pass_through(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
    ) -> Result<(), Failure> {
        if state.flow.jsonata {
            let (input, after) = (self.raw_input(scope), After::Nothing);
            let assigned = self.query_assigned(scope, state, state.flow.assign.as_ref(), after)?;
            let output = self.query_output(scope, state, state.flow.output.as_ref(), after, &input)?;
            return self.leave(turn, scope, state, state.next, output, assigned);
        }
        let input = self.selected_input(scope, state)?;
        let output = self.output(scope, state, input.clone())?;
        let assigned = self.assigned(scope, state, state.flow.assign.as_ref(), &input)?;
        self.leave(turn, scope, state, state.next, output, assigned)
    }

    fn fail_state(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        error: &FailText,
        cause: &FailText,
    ) -> Result<(), Failure> {
        self.note(state, Stage::InputPath, &self.raw_input(scope));
        let error = self.fail_text(scope, state, error)?;
        let cause = self.fail_text(scope, state, cause)?;
        self.fail(turn, scope, Failure::given(error, cause), None);
        Ok(())
    }

    /// Leaves a state with its output.
    pub(super) fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        next: Next,
        output: Payload,
        assigned: Variables,
    ) -> Result<(), Failure> {
        if output.exceeds_limits() {
            return Err(Failure::data_limit_exceeded(&state.name));
        }
        if assigned.values().map(|value| value.text().len()).sum::<usize>() > MAX_VARIABLE_BYTES {
            return Err(Failure::data_limit_exceeded(&state.name));
        }
        if let Some(exited) = exited(state) {
            let shown: BTreeMap<String, Text> =
                assigned.iter().map(|(name, value)| (name.clone(), Arc::clone(value.text()))).collect();
            let details = Details::StateExited {
                name: Arc::clone(&state.name),
                output: Arc::clone(output.text()),
                assigned: (!shown.is_empty()).then_some(shown),
            };
            self.emit(turn, scope, exited, details);
        }
        if self.note_left(next, &output, &assigned) {
            return Ok(());
        }
        let Some(found) = self.data.scopes.get_mut(&scope) else { return Ok(()) };
        found.variables.extend(assigned);
        match next {
            Next::State(place) => {
                found.enter_next(place, output);
                self.ready(scope);
            }
            Next::End => self.scope_succeeded(turn, scope, output),
        }
        Ok(())
    }

    /// Lets a scope go on, unless it is the one that is going on.
    fn ready(&mut self, scope: u64) {
        if !self.data.queue.contains(&scope) {
            self.data.queue.push_front(scope);
        }
    }

    fn scope_succeeded(&mut self, turn: &mut Turn<'_>, scope: u64, output: Payload) {
        let Some(found) = self.data.scopes.get(&scope) else { return };
        let (parent, last_event) = (found.parent, found.last_event);
        match parent {
            None => {
                let details = Details::Output { output: Arc::clone(output.text()) };
                self.emit(turn, ROOT, EventType::ExecutionSucceeded, details);
                self.end(turn, Outcome::Succeeded { output });
            }
            Some((parent, index)) => {
                self.data.scopes.remove(&scope);
                match self.data.visit(parent).map(|visit| &visit.activity) {
                    Some(Activity::Parallel(_)) => {
                        self.branch_succeeded(turn, parent, index, last_event, output);
                    }
                    Some(Activity::Map(_)) => {
                        self.iteration_succeeded(turn, parent, index, last_event, output);
                    }
                    Some(
                        Activity::Passing | Activity::Waiting(_) | Activity::Task(_) | Activity::MapRun(_),
                    )
                    | None => {}
                }
            }
        }
    }

    /// The state that a scope is in.
    pub(super) fn state<'d>(&self, turn: &Turn<'d>, scope: u64) -> Option<&'d State> {
        let found = self.data.scopes.get(&scope)?;
        let place = found.visit.as_ref()?.place;
        turn.definition.machines[found.machine].states.get(place)
    }
}

/// The event of entering a state.
fn entered(state: &State) -> EventType {
    match state.kind {
        StateKind::Pass { .. } => EventType::PassStateEntered,
        StateKind::Task(_) => EventType::TaskStateEntered,
        StateKind::Choice { .. } => EventType::ChoiceStateEntered,
        StateKind::Wait(_) => EventType::WaitStateEntered,
        StateKind::Succeed => EventType::SucceedStateEntered,
        StateKind::Fail { .. } => EventType::FailStateEntered,
        StateKind::Parallel { .. } => EventType::ParallelStateEntered,
        StateKind::Map(_) => EventType::MapStateEntered,
    }
}

/// The event of leaving a state; a Fail state is never left.
fn exited(state: &State) -> Option<EventType> {
    Some(match state.kind {
        StateKind::Pass { .. } => EventType::PassStateExited,
        StateKind::Task(_) => EventType::TaskStateExited,
        StateKind::Choice { .. } => EventType::ChoiceStateExited,
        StateKind::Wait(_) => EventType::WaitStateExited,
        StateKind::Succeed => EventType::SucceedStateExited,
        StateKind::Fail { .. } => return None,
        StateKind::Parallel { .. } => EventType::ParallelStateExited,
        StateKind::Map(_) => EventType::MapStateExited,
    })
}
