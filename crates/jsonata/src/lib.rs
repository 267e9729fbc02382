//! JSONata as Step Functions has it: a facade over the engine, AWS's extra functions, AWS's restrictions.
//!
//! Pure: the moment and the seed are arguments, and what stops an expression is a count of steps, not a clock. Nothing
//! of the engine shows outside this crate. Start at [`Expression::compile`].

mod functions;
mod lint;

use std::borrow::Cow;

use jlens_core::{Bindings, Options, reads::Reads};
use serde_json::{Map, Number, Value};

/// How many steps one expression may take. AWS stops it after a second.
const MAX_STEPS: u64 = 5_000_000;
/// How deep calls may go, so that the host's stack is never at risk.
const MAX_DEPTH: usize = 2_000;
/// The most bytes of a text or a result, and the most items of an array, that an expression may build.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_ITEMS: usize = 1_000_000;

/// An expression, compiled.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    compiled: jlens_core::Expression,
    reads: Reads,
    /// Names of variables it reads that it does not bind itself, without the functions every expression has.
    variables: Vec<String>,
    draws: functions::Draws,
}

/// Why an expression cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is not JSONata.
    #[error("{code}: {message}")]
    Syntax {
        /// The language's own code.
        code: String,
        /// In words.
        message: String,
    },
    /// It is, but Step Functions does not take it.
    #[error("{0}")]
    NotAllowed(String),
}

/// Why an expression gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EvaluateError {
    /// The language's own code, e.g. `T2001`.
    pub code: String,
    /// In words.
    pub message: String,
}

/// What an expression may ask for that does not follow from its variables.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For `$now` and `$millis`, in milliseconds since the epoch.
    pub now: i64,
    /// For `$random`, `$uuid` and `$shuffle`.
    pub seed: u64,
}

/// Which part of a variable an expression reads.
#[derive(Debug, Clone, Copy)]
pub struct Part<'r>(&'r jlens_core::reads::Read);

impl Part<'_> {
    /// The part of `value` that is read.
    pub fn of(&self, value: &Value) -> Value {
        self.0.cut(value)
    }

    /// The members that are read, with their own parts; `None` if all of it is.
    pub fn members(&self) -> Option<impl Iterator<Item = (&str, Part<'_>)>> {
        if self.0.is_whole() {
            return None;
        }
        self.0.fields().map(|fields| fields.iter().map(|(name, read)| (name.as_str(), Part(read))))
    }
}

impl Expression {
    /// Compiles what stands between `{%` and `%}`.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let compiled = jlens_core::Expression::compile(source).map_err(|error| CompileError::Syntax {
            code: error.code().to_owned(),
            message: error.message(),
        })?;
        let reads = compiled.reads_with(functions::pure());
        let names = lint::check(&compiled)?;
        let draws = functions::Draws::of(&names);
        let variables = lint::free_variables(&reads);
        Ok(Self { source: source.to_owned(), compiled, reads, variables, draws })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables it reads, `states` among them if it reads that.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The part it reads of a variable, if it reads it.
    pub fn part(&self, variable: &str) -> Option<Part<'_>> {
        self.reads.binding(variable).map(Part)
    }

    /// Its value; `None` is *undefined*. `lookup` gives the values of variables, of which the parts that are read
    /// are enough.
    pub fn evaluate<'v>(
        &self,
        mut lookup: impl FnMut(&str, Part<'_>) -> Option<Cow<'v, Value>>,
        moment: Moment,
    ) -> Result<Option<Value>, EvaluateError> {
        let mut bindings =
            if self.draws.any() { self.draws.bind(moment.seed) } else { functions::pure().clone() };
        for name in &self.variables {
            let Some(part) = self.part(name) else { continue };
            if let Some(value) = lookup(name, part) {
                bindings = bindings.var(name.clone(), value.into_owned());
            }
        }
        self.run(&bindings, moment)
    }

    fn run(&self, bindings: &Bindings, moment: Moment) -> Result<Option<Value>, EvaluateError> {
        let options = Options::new()
            .now(moment.now)
            .seed(moment.seed)
            .max_steps(MAX_STEPS)
            .max_depth(MAX_DEPTH)
            .max_string_length(MAX_BYTES)
            .max_result_size(MAX_BYTES)
            .max_array_length(MAX_ITEMS);
        let value = self.compiled.evaluate_with(None, bindings, &options);
        let value = value
            .map_err(|error| EvaluateError { code: error.code().to_owned(), message: error.message() })?;
        Ok(value.map(normalise))
    }
}

/// Whole numbers without a fraction, as AWS writes them.
fn normalise(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(whole(number)),
        Value::Array(items) => items.into_iter().map(normalise).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, normalise(member))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

fn whole(number: Number) -> Number {
    match number.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 64 bits")]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e18 => {
            Number::from(float as i64)
        }
        _ => number,
    }
}
