//! The language itself, with our limits and without AWS's restrictions: what the official suite tests.
//!
//! Step Functions takes less of it; that is [`crate::Expression`].

use std::{collections::BTreeSet, time::Duration};

use jlens_core::{Bindings, NodeKind, Options, reads::Reads};
use serde_json::{Map, Number, Value};

use crate::{CompileError, EvaluateError, Moment, functions, lint};

/// How many steps one expression may take. AWS stops it after a second.
const MAX_STEPS: u64 = 5_000_000;
/// What the count of steps does not see is stopped by the host's clock: a function of the language that goes over a
/// large text, or a regular expression that goes back and forth in one, is few steps. No expression that AWS would let
/// end comes near it, so that what an execution decides does not hang on the machine.
const MAX_TIME: Duration = Duration::from_secs(3);
/// How deep calls may go, so that the host's stack is never at risk.
const MAX_DEPTH: usize = 2_000;
/// The most bytes of a text or a result, and the most items of an array, that an expression may build.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const MAX_ITEMS: usize = 1_000_000;
/// The most items where `$distinct` is called: it compares each with each other, in one step. AWS's own engine needs more
/// than AWS's second for as many.
const MAX_ITEMS_OF_DISTINCT: usize = 10_000;

/// A text of the language, compiled.
#[derive(Debug, Clone)]
pub struct Program {
    compiled: jlens_core::Expression,
    max_items: usize,
}

impl Program {
    /// Compiles a text.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let compiled = jlens_core::Expression::compile(source).map_err(|error| CompileError::Syntax {
            code: error.code().to_owned(),
            message: error.message(),
        })?;
        let mut max_items = MAX_ITEMS;
        compiled.ast().root.walk(&mut |node| {
            if matches!(&node.kind, NodeKind::Variable { name } if name == "distinct") {
                max_items = MAX_ITEMS_OF_DISTINCT;
            }
        });
        Ok(Self { compiled, max_items })
    }

    /// Its value for an input document and variables; `None` is *undefined*.
    pub fn evaluate(
        &self,
        input: Option<&Value>,
        variables: &Map<String, Value>,
        moment: Moment,
    ) -> Result<Option<Value>, EvaluateError> {
        let bindings = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        self.run(input, &bindings, moment)
    }

    pub(crate) fn run(
        &self,
        input: Option<&Value>,
        bindings: &Bindings,
        moment: Moment,
    ) -> Result<Option<Value>, EvaluateError> {
        let options = Options::new()
            .now(moment.now)
            .seed(moment.seed)
            .max_steps(MAX_STEPS)
            .timeout(MAX_TIME)
            .max_depth(MAX_DEPTH)
            .max_string_length(MAX_BYTES)
            .max_result_size(MAX_BYTES)
            .max_array_length(self.max_items);
        let value = self.compiled.evaluate_with(input, bindings, &options);
        let value = value
            .map_err(|error| EvaluateError { code: error.code().to_owned(), message: error.message() })?;
        Ok(value.map(normalise))
    }

    /// What it reads from outside, where the functions that Step Functions adds are known.
    pub(crate) fn reads(&self) -> Reads {
        self.compiled.reads_with(functions::pure())
    }

    /// Refuses what Step Functions does not take; answers the names of all variables and functions that stand in it.
    pub(crate) fn check(&self) -> Result<BTreeSet<String>, CompileError> {
        lint::check(&self.compiled)
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
