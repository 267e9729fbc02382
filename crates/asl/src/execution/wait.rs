//! Wait states, in their four forms.

use serde_json::Value;

use super::{
    Execution, Turn,
    scopes::{Activity, Purpose},
};
use crate::{
    definition::{State, StateKind, WaitFor},
    failure::Failure,
    path::Path,
    payload::Payload,
    time::Timestamp,
};

/// The most seconds a Wait takes.
const MAX_SECONDS: u64 = 99_999_999;

impl Execution {
    pub(super) fn start_wait(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        wait: &WaitFor,
    ) -> Result<(), Failure> {
        let until = match wait {
            WaitFor::Seconds(seconds) => turn.at.plus_seconds(*seconds),
            WaitFor::Timestamp(at) => *at,
            WaitFor::SecondsQuery(query) => {
                let input = self.raw_input(scope);
                let value = self.evaluate(scope, state, input.value(), |env| query.evaluate(env))?;
                let seconds = value.as_u64().filter(|seconds| *seconds <= MAX_SECONDS);
                turn.at.plus_seconds(seconds.ok_or_else(|| query.unexpected("non-negative integer", &value))?)
            }
            WaitFor::TimestampQuery(query) => {
                let input = self.raw_input(scope);
                let value = self.evaluate(scope, state, input.value(), |env| query.evaluate(env))?;
                let text = value.as_str().ok_or_else(|| query.unexpected("string", &value))?;
                Timestamp::parse(text).ok_or_else(|| not_a_timestamp(text))?
            }
            WaitFor::SecondsPath(path) => {
                let input = self.selected_input(scope, state)?;
                turn.at.plus_seconds(self.seconds(scope, state, path, &input)?)
            }
            WaitFor::TimestampPath(path) => {
                let input = self.selected_input(scope, state)?;
                self.timestamp(scope, state, path, &input)?
            }
        };
        if until <= turn.at {
            return self.pass_through(turn, scope, state);
        }
        let timer = self.start_timer(turn, scope, Purpose::Wait, until);
        if let Some(visit) = self.data.visit_mut(scope) {
            visit.activity = Activity::Waiting(timer);
        }
        Ok(())
    }

    fn seconds(&self, scope: u64, state: &State, path: &Path, input: &Payload) -> Result<u64, Failure> {
        let text = path.text();
        let found = self.evaluate(scope, state, input.value(), |env| {
            path.evaluate(env).map(std::borrow::Cow::into_owned)
        });
        let value = found.map_err(|_| {
            Failure::runtime(format!("The SecondsPath parameter does not reference an input value: {text}"))
        })?;
        let Some(seconds) = value.as_i64() else {
            let cause = format!(
                "The SecondsPath parameter cannot be parsed as a long value: {text} == {}",
                bare(&value)
            );
            return Err(Failure::runtime(cause));
        };
        match u64::try_from(seconds) {
            Ok(seconds) if seconds <= MAX_SECONDS => Ok(seconds),
            Ok(_) => Err(Failure::runtime(format!(
                "The SecondsPath parameter references a value that is too large: {text} == {seconds}"
            ))),
            Err(_) => Err(Failure::runtime(format!(
                "The SecondsPath parameter references a negative value: {text} == {seconds}"
            ))),
        }
    }

    fn timestamp(
        &self,
        scope: u64,
        state: &State,
        path: &Path,
        input: &Payload,
    ) -> Result<Timestamp, Failure> {
        let text = path.text();
        let found = self.evaluate(scope, state, input.value(), |env| {
            path.evaluate(env).map(std::borrow::Cow::into_owned)
        });
        let value = found.map_err(|_| {
            Failure::runtime(format!("The TimestampPath parameter does not reference an input value: {text}"))
        })?;
        value.as_str().and_then(Timestamp::parse).ok_or_else(|| {
            Failure::runtime(format!(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {text} == {}",
                bare(&value)
            ))
        })
    }

    pub(super) fn wait_over(&mut self, turn: &mut Turn<'_>, scope: u64) {
        let Some(state) = self.state(turn, scope) else { return };
        debug_assert!(matches!(state.kind, StateKind::Wait(_)), "only a Wait state starts the timer of one");
        if let Err(failure) = self.pass_through(turn, scope, state) {
            self.fail_in_state(turn, scope, failure);
        }
    }
}

fn not_a_timestamp(text: &str) -> Failure {
    let cause = format!(
        "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {text}"
    );
    let mut failure = Failure::query_evaluation(Some("Timestamp"), cause);
    if let Some(evaluation) = &mut failure.evaluation {
        evaluation.evaluated = true;
    }
    failure
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
