//! How an error walks: Retry, then Catch, then the scope around, until the execution fails.

use std::sync::Arc;

use super::{
    Command, Execution, Outcome, Turn,
    dataflow::After,
    scopes::{Activity, Purpose, ROOT},
};
use crate::{
    definition::{Next, Retrier, State, StateKind},
    failure::{self, Failure},
    history::{Details, EventType},
    payload::Payload,
};

impl Execution {
    /// A failure that the interpreter itself found in the state a scope is in. Its cause says where.
    pub(super) fn fail_in_state(&mut self, turn: &mut Turn<'_>, scope: u64, failure: Failure) {
        let failure = self.located(turn, scope, failure);
        self.emit_evaluation_failed(turn, scope, &failure);
        let kind = self.state(turn, scope).map(|state| &state.kind);
        let closing = match kind.filter(|_| failure.evaluation.is_some()) {
            Some(StateKind::Map(_)) => Some(EventType::MapStateFailed),
            Some(StateKind::Parallel { .. }) => Some(EventType::ParallelStateFailed),
            Some(
                StateKind::Pass { .. }
                | StateKind::Task(_)
                | StateKind::Choice { .. }
                | StateKind::Wait(_)
                | StateKind::Succeed
                | StateKind::Fail { .. },
            )
            | None => None,
        };
        self.fail(turn, scope, failure, closing);
    }

    /// The failure with a cause that says in which state it happened.
    fn located(&self, turn: &Turn<'_>, scope: u64, mut failure: Failure) -> Failure {
        if failure.name() != failure::DATA_LIMIT_EXCEEDED
            && !self.is_probe()
            && let (Some(state), Some(visit)) = (self.state(turn, scope), self.data.visit(scope))
        {
            let (name, event, cause) =
                (&state.name, visit.entered_event, failure.cause.as_deref().unwrap_or(""));
            failure.cause = Some(format!(
                "An error occurred while executing the state '{name}' (entered at the event id #{event}). {cause}"
            ));
        }
        failure
    }

    /// A JSONata expression that failed has an event of its own.
    fn emit_evaluation_failed(&mut self, turn: &mut Turn<'_>, scope: u64, failure: &Failure) {
        let Some(evaluation) = &failure.evaluation else { return };
        let (Some(state), Some(visit)) = (self.state(turn, scope), self.data.visit(scope)) else { return };
        let details = Details::EvaluationFailed {
            state: state.name.clone(),
            location: evaluation.location.clone(),
            error: failure.name().to_owned(),
            cause: failure.cause.clone().unwrap_or_default(),
        };
        let (entered, previous) = (visit.entered_event, visit.previous_event);
        let last = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        // As recorded: an expression that gives nothing is linked to what led into the state, a value that the field
        // does not take to the state's own event.
        let link = if last == entered && !evaluation.evaluated { previous } else { last };
        let id = self.emit_beside(turn, link, EventType::EvaluationFailed, details);
        if let Some(found) = self.data.scopes.get_mut(&scope) {
            found.last_event = id;
        }
    }

    /// A failure of the state a scope is in. `closing` is the event that says so if the state is not tried again.
    pub(super) fn fail(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        failure: Failure,
        closing: Option<EventType>,
    ) {
        let Some(state) = self.state(turn, scope) else { return };
        if self.schedule_retry(turn, scope, state, &failure) {
            return self.forget_aside();
        }
        if let Some(closing) = closing {
            self.emit(turn, scope, closing, Details::None);
        }
        match self.catch(turn, scope, state, &failure) {
            Ok(true) => self.forget_aside(),
            Ok(false) => self.scope_failed(turn, scope, failure),
            Err(failure) => {
                let failure = self.located(turn, scope, failure);
                self.emit_evaluation_failed(turn, scope, &failure);
                self.scope_failed(turn, scope, failure);
            }
        }
    }

    /// Whether a retrier tries the state again.
    fn schedule_retry(&mut self, turn: &mut Turn<'_>, scope: u64, state: &State, failure: &Failure) -> bool {
        let Some(handlers) = state.handlers() else { return false };
        let Some(index) = handlers.retry.iter().position(|retrier| failure.matches(&retrier.error_equals))
        else {
            return false;
        };
        let retrier = &handlers.retry[index];
        let Some(visit) = self.data.visit_mut(scope) else { return false };
        visit.retries.resize(handlers.retry.len(), 0);
        let counted = visit.retries[index];
        let used = self.retries_used(counted);
        if used >= retrier.max_attempts {
            return false;
        }
        let Some(visit) = self.data.visit_mut(scope) else { return false };
        visit.retries[index] += 1;
        let millis = self.delay(retrier, used);
        self.note_retry(index, millis, failure);
        let timer = self.start_timer(turn, scope, Purpose::Backoff, turn.at.plus_millis(millis));
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Waiting(timer);
        }
        true
    }

    /// How long to wait before the attempt after `used` retries, in milliseconds.
    fn delay(&self, retrier: &Retrier, used: u32) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "a few milliseconds in a hundred thousand years")]
        let (interval, most) = (
            retrier.interval_seconds as f64,
            retrier.max_delay_seconds.map_or(99_999_999.0, |most| most as f64),
        );
        let exponent = i32::try_from(used).unwrap_or(i32::MAX);
        let seconds = (interval * retrier.backoff_rate.powi(exponent)).min(most);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and at most 10^11"
        )]
        let millis = (seconds * 1000.0).round() as u64;
        if retrier.full_jitter { self.data.seed.below(millis.saturating_add(1)) } else { millis }
    }

    /// Tries the state again once its backoff is over.
    pub(super) fn retry(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(state) = self.state(turn, scope) else { return };
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Passing;
        }
        self.begin(turn, scope, state);
    }

    /// Whether a catcher takes the failure.
    fn catch(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        failure: &Failure,
    ) -> Result<bool, Failure> {
        let catchers = state.handlers().map_or(&[][..], |handlers| &handlers.catch);
        let Some(index) = catchers.iter().position(|catcher| failure.matches(&catcher.error_equals)) else {
            return Ok(false);
        };
        let catcher = &catchers[index];
        self.note_caught(index, failure);
        let error = Payload::new(failure.output());
        if state.flow.jsonata {
            let after = After::Error(error.value());
            let assigned = self.query_assigned(scope, state, catcher.assign.as_ref(), after)?;
            let output = self.query_output(scope, state, catcher.output.as_ref(), after, &error)?;
            self.leave(turn, scope, state, Next::State(catcher.next), output, assigned)?;
            return Ok(true);
        }
        let assigned = self.assigned(scope, state, catcher.assign.as_ref(), &error)?;
        let output = Self::merge(&catcher.result_path, self.raw_input(scope), error)?;
        self.leave(turn, scope, state, Next::State(catcher.next), output, assigned)?;
        Ok(true)
    }

    /// A failure that nothing in its scope handles.
    fn scope_failed(&mut self, turn: &mut Turn<'_>, scope: u64, failure: Failure) {
        let Some(found) = self.data.scopes.get(&scope) else { return };
        match found.parent {
            None => {
                let details = Details::Failed { error: failure.error.clone(), cause: failure.cause.clone() };
                self.emit(turn, ROOT, EventType::ExecutionFailed, details);
                self.end(turn, Outcome::Failed(failure));
            }
            Some((parent, index)) => match self.data.visit(parent).map(|visit| &visit.activity) {
                Some(Activity::Parallel(_)) => self.branch_failed(turn, parent, scope, failure),
                Some(Activity::Map(_)) => self.iteration_failed(turn, parent, scope, index, failure),
                Some(Activity::Passing | Activity::Waiting(_) | Activity::Task(_) | Activity::MapRun(_))
                | None => {}
            },
        }
    }

    /// Calls off whatever a scope and those within it are at, and forgets them unless the execution ends by it. Answers
    /// the scope's last event.
    pub(super) fn discard(&mut self, turn: &mut Turn<'_>, scope: u64, visible: bool) -> u64 {
        let Some(mut found) = self.data.scopes.remove(&scope) else { return 0 };
        self.data.queue.retain(|queued| *queued != scope);
        let mut map_run = false;
        let children: Vec<u64> = match found.visit.as_deref_mut().map(|visit| &mut visit.activity) {
            None | Some(Activity::Passing) => Vec::new(),
            Some(activity @ Activity::Waiting(_)) => {
                if let Activity::Waiting(timer) = std::mem::replace(activity, Activity::Passing) {
                    self.cancel_timer(turn, Some(timer));
                }
                Vec::new()
            }
            Some(activity @ Activity::Task(_)) => {
                if let Activity::Task(task) = std::mem::replace(activity, Activity::Passing) {
                    self.cancel_timer(turn, task.timeout);
                    self.cancel_timer(turn, task.heartbeat);
                    self.data.tasks.remove(&task.scheduled.task);
                    turn.step.commands.extend(task.cancel());
                }
                Vec::new()
            }
            Some(Activity::Parallel(parallel)) => parallel.children.clone(),
            Some(Activity::Map(map)) => map.running.values().copied().collect(),
            Some(Activity::MapRun(running)) => {
                self.data.map_runs.remove(&running.spec.run);
                turn.step.commands.push(Command::StopMapRun { run: Arc::clone(&running.spec) });
                map_run = true;
                Vec::new()
            }
        };
        for child in children {
            self.discard(turn, child, visible);
        }
        let mut last = found.last_event;
        if visible {
            let state = found
                .visit
                .as_ref()
                .and_then(|visit| turn.definition.machines[found.machine].states.get(visit.place));
            let run = map_run.then_some(EventType::MapRunAborted);
            for aborted in run.into_iter().chain(state.and_then(aborted)) {
                last = self.emit_beside(turn, last, aborted, Details::None);
            }
        }
        found.last_event = last;
        self.put_aside(scope, found);
        last
    }
}

/// The event of leaving a state because its scope is called off, where there is one.
fn aborted(state: &State) -> Option<EventType> {
    match state.kind {
        StateKind::Task(_) => Some(EventType::TaskStateAborted),
        StateKind::Wait(_) => Some(EventType::WaitStateAborted),
        StateKind::Parallel { .. } => Some(EventType::ParallelStateAborted),
        StateKind::Map(_) => Some(EventType::MapStateAborted),
        StateKind::Pass { .. } | StateKind::Choice { .. } | StateKind::Succeed | StateKind::Fail { .. } => {
            None
        }
    }
}
