//! Map states in the mode INLINE: a scope for each iteration, so many at a time.

use serde_json::Value;

use super::{
    Execution, Turn,
    dataflow::After,
    probe::{Limit, Stage},
    scopes::{Activity, RunningMap, Scope},
};
use crate::{
    definition::{Map, Number, State, StateKind},
    failure::Failure,
    history::{Details, EventType},
    payload::Payload,
    scope::MapItem,
    template::Template,
};

/// How many iterations of an inline Map run at a time at most.
const MAX_CONCURRENCY: usize = 40;

impl Execution {
    pub(super) fn start_map(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        map: &Map,
    ) -> Result<(), Failure> {
        if let Some(distributed) = &map.distributed {
            return self.start_distributed(turn, scope, state, map, distributed);
        }
        let input = self.selected_input(scope, state)?;
        let items = self.items(scope, state, map, &input)?;
        let length = items.value().as_array().map_or(0, Vec::len);
        let concurrency = self.map_concurrency(scope, state, map, &input)?;
        self.emit(turn, scope, EventType::MapStateStarted, Details::MapStarted { length });
        let tolerated = self.tolerated(scope, state, map, &input, length)?;
        let running = RunningMap {
            input,
            items,
            next: 0,
            running: std::collections::BTreeMap::new(),
            results: vec![None; length],
            concurrency,
            failed: 0,
            tolerated,
            again: std::collections::VecDeque::new(),
        };
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Map(running);
        }
        let started = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        for _ in 0..concurrency.min(length) {
            if let Err(failure) = self.start_iteration(turn, scope, started) {
                self.abandon_map(turn, scope);
                return Err(failure);
            }
        }
        if length == 0 {
            self.end_map(turn, scope);
        }
        Ok(())
    }

    /// The items: an array of the input, or what Items gives.
    pub(super) fn items(
        &self,
        scope: u64,
        state: &State,
        map: &Map,
        input: &Payload,
    ) -> Result<Payload, Failure> {
        if let Some(items) = &map.items {
            let found = self.query_output(scope, state, Some(items), After::Nothing, input)?;
            return match items {
                Template::Query(query) if !found.value().is_array() => {
                    Err(query.unexpected("array", found.value()))
                }
                _ => Ok(found),
            };
        }
        let found = match &map.items_path {
            None => input.clone(),
            Some(path) => self.look_up(scope, state, path, input).map(Payload::new)?,
        };
        if found.value().is_array() {
            self.note(state, Stage::ItemsPath, &found);
            return Ok(found);
        }
        if state.flow.jsonata {
            let cause = format!("Map state input must be an array but was: {}", found.text());
            return Err(Failure::query_evaluation(None, cause));
        }
        let path = map.items_path.as_ref().map_or("$", |path| path.text());
        // A path into the context object is shown as if it led into the input.
        let path = if path.starts_with("$$") { &path[1..] } else { path };
        Err(Failure::runtime(format!("Reference path \"{path}\" must point to array.")))
    }

    fn map_concurrency(
        &self,
        scope: u64,
        state: &State,
        map: &Map,
        input: &Payload,
    ) -> Result<usize, Failure> {
        let wanted = match &map.max_concurrency {
            None => 0,
            Some(number) => self.whole(scope, state, "MaxConcurrencyPath", number, input)?,
        };
        self.note_limit(Limit::MaxConcurrency(wanted));
        match usize::try_from(wanted) {
            Ok(0) => Ok(MAX_CONCURRENCY),
            Ok(wanted) => Ok(wanted.min(MAX_CONCURRENCY)),
            Err(_) => Err(Failure::runtime("MaxConcurrency cannot be negative.")),
        }
    }

    /// How many iterations may fail; `None` if a first failure is the state's own.
    fn tolerated(
        &self,
        scope: u64,
        state: &State,
        map: &Map,
        input: &Payload,
        length: usize,
    ) -> Result<Option<usize>, Failure> {
        let (count, percentage) = self.tolerance(scope, state, map, input)?;
        let count = count.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a percentage of a length is between 0 and the length"
        )]
        let part = percentage.map(|percentage| (percentage / 100.0 * length as f64).floor() as usize);
        Ok(match (count, part) {
            (Some(count), Some(part)) => Some(count.min(part)),
            (count, part) => count.or(part),
        })
    }

    /// ToleratedFailureCount and ToleratedFailurePercentage.
    pub(super) fn tolerance(
        &self,
        scope: u64,
        state: &State,
        map: &Map,
        input: &Payload,
    ) -> Result<(Option<u64>, Option<f64>), Failure> {
        let mut tolerance = (None, None);
        if let Some(number) = &map.tolerated_failure_count {
            let count = self.whole(scope, state, "ToleratedFailureCountPath", number, input)?;
            self.note_limit(Limit::ToleratedFailureCount(count));
            let negative = |_| Failure::runtime("ToleratedFailureCount cannot be negative.");
            tolerance.0 = Some(u64::try_from(count).map_err(negative)?);
        }
        if let Some(number) = &map.tolerated_failure_percentage {
            let percentage = self.float(scope, state, "ToleratedFailurePercentagePath", number, input)?;
            self.note_limit(Limit::ToleratedFailurePercentage(percentage));
            if !(0.0..=100.0).contains(&percentage) {
                return Err(Failure::runtime("ToleratedFailurePercentage must be between 0 and 100."));
            }
            tolerance.1 = Some(percentage);
        }
        Ok(tolerance)
    }

    pub(super) fn whole(
        &self,
        scope: u64,
        state: &State,
        field: &str,
        number: &Number,
        input: &Payload,
    ) -> Result<i64, Failure> {
        let value = self.number_value(scope, state, number, input)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole; the cast saturates")]
        let whole = as_number(&value).filter(|number| number.fract() == 0.0).map(|number| number as i64);
        whole.ok_or_else(|| invalid_number(field, number, &value, "integer"))
    }

    fn float(
        &self,
        scope: u64,
        state: &State,
        field: &str,
        number: &Number,
        input: &Payload,
    ) -> Result<f64, Failure> {
        let value = self.number_value(scope, state, number, input)?;
        as_number(&value).ok_or_else(|| invalid_number(field, number, &value, "float"))
    }

    /// Starts the next iteration; it follows the event `previous`.
    pub(super) fn start_iteration(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        previous: u64,
    ) -> Result<(), Failure> {
        let Some(state) = self.state(turn, scope) else { return Ok(()) };
        let StateKind::Map(map) = &state.kind else { return Ok(()) };
        let Some(visit) = self.data.visit_mut(scope) else { return Ok(()) };
        let Activity::Map(running) = &mut visit.activity else { return Ok(()) };
        let index = running.again.pop_front().unwrap_or(running.next);
        let Some(value) = running.items.value().get(index).cloned() else { return Ok(()) };
        running.next = running.next.max(index + 1);
        let value = Payload::new(value);
        let (input, item) = (running.input.clone(), MapItem { index, value, key: None, source: None });
        let details = Details::MapIteration { name: state.name.clone(), index };
        let started = self.emit_beside(turn, previous, EventType::MapIterationStarted, details);
        let input = match &map.item_selector {
            None => item.value.clone(),
            Some(selector) => self.evaluate(scope, state, input.value(), |env| {
                let env = env.with_map_item(&item);
                selector.evaluate(&env).map(|value| Payload::new(value.into_owned()))
            })?,
        };
        if input.exceeds_limits() {
            return Err(Failure::data_limit_exceeded(&state.name));
        }
        if map.item_selector.is_some() {
            self.note(state, Stage::ItemSelector, &input);
        }
        let mut child = Scope::new(Some((scope, index)), map.processor, started);
        child.item = Some(item);
        child.enter_next(turn.definition.machines[map.processor].start, input);
        let id = self.data.add_scope(child);
        if let Some(Activity::Map(running)) = self.data.visit_mut(scope).map(|visit| &mut visit.activity) {
            running.running.insert(index, id);
        }
        Ok(())
    }

    pub(super) fn iteration_succeeded(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        index: usize,
        last_event: u64,
        output: Payload,
    ) {
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let Activity::Map(running) = &mut visit.activity else { return };
        running.running.remove(&index);
        running.results[index] = Some(output);
        self.iteration_ended(turn, scope, index, last_event, EventType::MapIterationSucceeded);
    }

    pub(super) fn iteration_failed(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        child: u64,
        index: usize,
        failure: Failure,
    ) {
        let last_event = self.discard(turn, child, false);
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let Activity::Map(running) = &mut visit.activity else { return };
        running.running.remove(&index);
        running.failed += 1;
        let failure = match running.tolerated {
            Some(tolerated) if running.failed <= tolerated => {
                // What is tolerated is not gone on with, but begun anew by a redrive.
                self.forget_aside();
                return self.iteration_ended(turn, scope, index, last_event, EventType::MapIterationFailed);
            }
            Some(_) => Failure::threshold_exceeded(),
            None => failure,
        };
        let mut held = running.clone();
        held.running.insert(index, child);
        let others = std::mem::take(&mut running.running);
        visit.activity = Activity::Passing;
        self.hold(scope, Activity::Map(held));
        let Some(name) = self.state(turn, scope).map(|state| state.name.clone()) else { return };
        let details = |index| Details::MapIteration { name: name.clone(), index };
        self.emit_beside(turn, last_event, EventType::MapIterationFailed, details(index));
        for (index, other) in others {
            let last = self.discard(turn, other, false);
            self.emit_beside(turn, last, EventType::MapIterationAborted, details(index));
        }
        if let Some(found) = self.data.scopes.get_mut(&scope) {
            found.last_event = last_event;
        }
        self.fail(turn, scope, failure, Some(EventType::MapStateFailed));
    }

    /// Notes the end of an iteration and starts the next one, or ends the state.
    fn iteration_ended(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        index: usize,
        last_event: u64,
        event: EventType,
    ) {
        let Some(name) = self.state(turn, scope).map(|state| state.name.clone()) else { return };
        let ended = self.emit_beside(turn, last_event, event, Details::MapIteration { name, index });
        if let Some(found) = self.data.scopes.get_mut(&scope) {
            found.last_event = ended;
        }
        let Some(Activity::Map(running)) = self.data.visit(scope).map(|visit| &visit.activity) else {
            return;
        };
        if running.next < running.results.len() || !running.again.is_empty() {
            // The next iteration is linked to what the ended one did last, not to the event of its end.
            if let Err(failure) = self.start_iteration(turn, scope, last_event) {
                self.abandon_map(turn, scope);
                self.fail_in_state(turn, scope, failure);
            }
        } else if running.running.is_empty() {
            self.end_map(turn, scope);
        }
    }

    /// Calls the iterations off when the state fails by itself.
    pub(super) fn abandon_map(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(visit) = self.data.visit_mut(scope) else { return };
        if let Activity::Map(running) = std::mem::replace(&mut visit.activity, Activity::Passing) {
            for child in running.running.into_values() {
                self.discard(turn, child, false);
            }
        }
    }

    fn end_map(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(visit) = self.data.visit_mut(scope) else { return };
        let Activity::Map(running) = std::mem::replace(&mut visit.activity, Activity::Passing) else {
            return;
        };
        let previous = self.data.scopes.get(&scope).map_or(0, |scope| scope.last_event);
        self.emit_beside(turn, previous, EventType::MapStateSucceeded, Details::None);
        let Some(state) = self.state(turn, scope) else { return };
        let result = running.results.into_iter().flatten().map(Payload::into_value).collect();
        if let Err(failure) = self.complete(turn, scope, state, Payload::new(Value::Array(result))) {
            self.fail_in_state(turn, scope, failure);
        }
    }
}

/// A number, also one that is written as a text.
fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn invalid_number(field: &str, number: &Number, value: &Value, wanted: &str) -> Failure {
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let path = match number {
        Number::Literal(_) => "",
        Number::Path(path) => path.text(),
        Number::Query(query) => return query.unexpected("number", value),
    };
    Failure::runtime(format!(
        "The {field} field refers to value \"{shown}\" which is not a valid {wanted}: {path}"
    ))
}
