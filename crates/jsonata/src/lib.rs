//! JSONata as Step Functions has it: a facade over the engine, AWS's extra functions, AWS's restrictions.
//!
//! Pure: the moment and the seed are arguments, and what stops an expression is a count of steps; a clock stops only what
//! that count does not see. Nothing of the engine shows outside this crate. Start at [`Expression::compile`].

mod functions;
mod lint;
mod program;

use std::borrow::Cow;

use jlens_core::reads::Reads;
use serde_json::Value;

pub use program::Program;

/// An expression, compiled.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    program: Program,
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
        let program = Program::compile(source)?;
        let reads = program.reads();
        let names = program.check()?;
        let draws = functions::Draws::of(&names);
        let variables = lint::free_variables(&reads);
        Ok(Self { source: source.to_owned(), program, reads, variables, draws })
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
        self.program.run(None, &bindings, moment)
    }
}
