//! Input and output processing: InputPath, Parameters, ResultSelector, ResultPath, OutputPath, Assign.

use serde_json::Value;

use super::{Execution, Turn, probe::Stage};
use crate::{
    definition::{FailText, Number, ResultPath, Selection, State},
    failure::{self, Failure},
    path::Path,
    payload::Payload,
    scope::{Environment, StateContext, Variables},
    template::Template,
};

/// What came before an expression is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum After<'a> {
    /// Nothing but the input.
    Nothing,
    /// The state's result.
    Result(&'a Value),
    /// The error that was caught.
    Error(&'a Value),
}

impl Execution {
    /// Looks at `input` with everything a state of this scope can see.
    pub(super) fn evaluate<R>(
        &self,
        scope: u64,
        state: &State,
        input: &Value,
        look: impl FnOnce(&Environment<'_>) -> R,
    ) -> R {
        self.evaluate_after(scope, state, input, After::Nothing, look)
    }

    /// The same after something that JSONata shows in `$states`.
    pub(super) fn evaluate_after<R>(
        &self,
        scope: u64,
        state: &State,
        input: &Value,
        after: After<'_>,
        look: impl FnOnce(&Environment<'_>) -> R,
    ) -> R {
        let mut variables: Vec<&Variables> = Vec::with_capacity(4);
        let mut item = None;
        let mut at = Some(scope);
        while let Some(found) = at.and_then(|id| self.data.scopes.get(&id)) {
            variables.push(&found.variables);
            item = item.or(found.item.as_ref());
            at = found.parent.map(|(parent, _)| parent);
        }
        let visit = self.data.visit(scope);
        let context = StateContext {
            name: &state.name,
            entered: visit.map_or(self.data.started, |visit| visit.entered),
            retry_count: visit.filter(|_| state.handlers().is_some()).map(super::scopes::Visit::retry_count),
            task_token: visit.and_then(|visit| visit.task_token.as_deref()),
        };
        let data = &self.data;
        let mut env = Environment::new(
            &data.context,
            data.started,
            &data.input,
            context,
            item,
            &variables,
            &data.seed,
            input,
        )
        .at(data.now)
        .redriven(data.redriven);
        if let Some(context) = self.context_given() {
            env = env.with_context(context);
        }
        match after {
            After::Nothing => {}
            After::Result(result) => env.result = Some(result),
            After::Error(error) => env.error_output = Some(error),
        }
        look(&env)
    }

    /// The state's input as it came.
    pub(super) fn raw_input(&self, scope: u64) -> Payload {
        self.data.visit(scope).map_or_else(Payload::empty_object, |visit| visit.input.clone())
    }

    /// The input after InputPath.
    pub(super) fn selected_input(&self, scope: u64, state: &State) -> Result<Payload, Failure> {
        let selected = self.select(scope, state, &state.flow.input_path, self.raw_input(scope))?;
        self.note(state, Stage::InputPath, &selected);
        Ok(selected)
    }

    /// The input after InputPath and Parameters.
    pub(super) fn effective_input(&self, scope: u64, state: &State) -> Result<Payload, Failure> {
        let input = self.selected_input(scope, state)?;
        let filled = self.fill(scope, state, state.flow.parameters.as_ref(), input)?;
        self.note(state, Stage::Parameters, &filled);
        Ok(filled)
    }

    /// A state's output from what it has before OutputPath.
    pub(super) fn output(&self, scope: u64, state: &State, before: Payload) -> Result<Payload, Failure> {
        self.select(scope, state, &state.flow.output_path, before)
    }

    fn select(
        &self,
        scope: u64,
        state: &State,
        selection: &Selection,
        from: Payload,
    ) -> Result<Payload, Failure> {
        match selection {
            Selection::Whole => Ok(from),
            Selection::Nothing => Ok(Payload::empty_object()),
            Selection::Path(path) => self.look_up(scope, state, path, &from).map(Payload::new),
        }
    }

    /// What a path points at, or an error in the words of the paths that select.
    pub(super) fn look_up(
        &self,
        scope: u64,
        state: &State,
        path: &Path,
        from: &Payload,
    ) -> Result<Value, Failure> {
        self.evaluate(scope, state, from.value(), |env| {
            path.evaluate(env).map(std::borrow::Cow::into_owned).map_err(|error| {
                Failure::runtime(format!("Invalid path '{}' : {}", path.text(), error.reason))
            })
        })
    }

    /// A payload template filled from `input`, or the input where there is none.
    pub(super) fn fill(
        &self,
        scope: u64,
        state: &State,
        template: Option<&Template>,
        input: Payload,
    ) -> Result<Payload, Failure> {
        let Some(template) = template else { return Ok(input) };
        self.evaluate(scope, state, input.value(), |env| {
            template.evaluate(env).map(|value| Payload::new(value.into_owned()))
        })
    }

    /// Puts a result into an input.
    pub(super) fn merge(path: &ResultPath, input: Payload, result: Payload) -> Result<Payload, Failure> {
        match path {
            ResultPath::Replace => Ok(result),
            ResultPath::Discard => Ok(input),
            ResultPath::At(path, text) => {
                let mut merged = input.value().clone();
                path.set(&mut merged, result.into_value()).map_err(|_| {
                    let cause = format!("Unable to apply Reference Path {text} to input {}", input.text());
                    Failure::new(failure::RESULT_PATH_MATCH_FAILURE, cause)
                })?;
                Ok(Payload::new(merged))
            }
        }
    }

    /// Leaves a state that has a result: ResultSelector, ResultPath, OutputPath, Assign.
    pub(super) fn complete(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        result: Payload,
    ) -> Result<(), Failure> {
        self.note(state, Stage::Result, &result);
        if state.flow.jsonata {
            return self.complete_query(turn, scope, state, &result);
        }
        let flow = &state.flow;
        let result = self.fill(scope, state, flow.result_selector.as_ref(), result)?;
        self.note(state, Stage::ResultSelector, &result);
        let assigned = self.assigned(scope, state, flow.assign.as_ref(), &result)?;
        let merged = Self::merge(&flow.result_path, self.raw_input(scope), result)?;
        self.note(state, Stage::ResultPath, &merged);
        let output = self.output(scope, state, merged)?;
        self.leave(turn, scope, state, state.next, output, assigned)
    }

    /// The same in JSONata: Assign and Output see the input and the result, and neither sees the other.
    fn complete_query(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        result: &Payload,
    ) -> Result<(), Failure> {
        let after = After::Result(result.value());
        let assigned = self.query_assigned(scope, state, state.flow.assign.as_ref(), after)?;
        let output = self.query_output(scope, state, state.flow.output.as_ref(), after, result)?;
        self.leave(turn, scope, state, state.next, output, assigned)
    }

    /// Output, or what stands in for it where it is not given.
    pub(super) fn query_output(
        &self,
        scope: u64,
        state: &State,
        output: Option<&Template>,
        after: After<'_>,
        default: &Payload,
    ) -> Result<Payload, Failure> {
        let Some(output) = output else { return Ok(default.clone()) };
        let input = self.raw_input(scope);
        self.evaluate_after(scope, state, input.value(), after, |env| {
            output.evaluate(env).map(|value| Payload::new(value.into_owned()))
        })
    }

    /// The variables that Assign gives values to, in JSONata.
    pub(super) fn query_assigned(
        &self,
        scope: u64,
        state: &State,
        assign: Option<&Template>,
        after: After<'_>,
    ) -> Result<Variables, Failure> {
        let Some(assign) = assign else { return Ok(Variables::new()) };
        let input = self.raw_input(scope);
        let values = self.evaluate_after(scope, state, input.value(), after, |env| {
            assign.evaluate(env).map(std::borrow::Cow::into_owned)
        })?;
        Ok(variables(values))
    }

    /// The variables that Assign gives values to.
    pub(super) fn assigned(
        &self,
        scope: u64,
        state: &State,
        assign: Option<&Template>,
        from: &Payload,
    ) -> Result<Variables, Failure> {
        let Some(assign) = assign else { return Ok(Variables::new()) };
        let values = self.evaluate(scope, state, from.value(), |env| {
            assign.evaluate(env).map(std::borrow::Cow::into_owned)
        })?;
        Ok(variables(values))
    }

    pub(super) fn fail_text(
        &self,
        scope: u64,
        state: &State,
        text: &FailText,
    ) -> Result<Option<String>, Failure> {
        match text {
            FailText::Absent => Ok(None),
            FailText::Literal(text) => Ok(Some(text.clone())),
            FailText::Query(query) => {
                let input = self.raw_input(scope);
                match self.evaluate(scope, state, input.value(), |env| query.evaluate(env))? {
                    Value::String(text) => Ok(Some(text)),
                    other => Err(query.unexpected("string", &other)),
                }
            }
            FailText::Computed(field, expression) => {
                let input = self.raw_input(scope);
                let value =
                    self.evaluate(scope, state, input.value(), |env| expression.evaluate(env, field))?;
                match value {
                    Value::String(text) => Ok(Some(text)),
                    other => Err(Failure::runtime(format!(
                        "The value for the field '{field}' must be a STRING but was {other}"
                    ))),
                }
            }
        }
    }

    /// A number of the definition or of the input, whatever it is there.
    pub(super) fn number_value(
        &self,
        scope: u64,
        state: &State,
        number: &Number,
        input: &Payload,
    ) -> Result<Value, Failure> {
        match number {
            Number::Literal(number) => Ok(Value::from(*number)),
            Number::Path(path) => self.look_up(scope, state, path, input),
            Number::Query(query) => self.evaluate(scope, state, input.value(), |env| query.evaluate(env)),
        }
    }
}

fn variables(values: Value) -> Variables {
    let Value::Object(values) = values else { return Variables::new() };
    values.into_iter().map(|(name, value)| (name, Payload::new(value))).collect()
}
