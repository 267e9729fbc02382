//! The language's own functions, `States.*`: a small grammar and eighteen functions.
//!
//! Start at [`Expression::parse`].

mod arrays;
mod functions;
mod parse;
mod strings;

pub use functions::Function;

use serde_json::Value;

use crate::{failure::Failure, path::Path, scope::Environment};

/// A call, a path or a literal.
#[derive(Debug, Clone)]
pub enum Expression {
    /// `States.Name(argument, …)`.
    Call {
        /// Which function.
        function: Function,
        /// Its arguments.
        arguments: Vec<Expression>,
        /// As it was written, for error texts.
        text: String,
    },
    /// `$.a`, `$$.b`, `$c`.
    Path(Path),
    /// A number, `true`, `false`, `null`.
    Literal(Value),
    /// A text between single quotes, its escapes still in it.
    Text(String),
}

/// How deep calls may be nested.
pub const MAX_NESTING: usize = 10;

impl Expression {
    /// Compiles a path or a call; the error is a reason in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('$') { Path::parse(text).map(Self::Path) } else { parse::call(text) }
    }

    /// All variables it reads.
    pub fn variables<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Self::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.variables(found)),
            Self::Path(path) => found.extend(path.variable()),
            Self::Literal(_) | Self::Text(_) => {}
        }
    }

    /// Its value. `field` is what the definition calls it (`name.$`).
    pub fn evaluate(&self, env: &Environment<'_>, field: &str) -> Result<Value, Failure> {
        match self {
            Self::Path(path) => match path.evaluate(env) {
                Ok(value) => Ok(value.into_owned()),
                Err(_) => Err(not_found(path, field, env)),
            },
            Self::Literal(value) => Ok(value.clone()),
            Self::Text(raw) => Ok(Value::String(strings::unescape(raw))),
            Self::Call { function, arguments, text } => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(match argument {
                        // Format reads the escapes of its template itself, since they tell a brace from a placeholder.
                        Self::Text(raw) if *function == Function::Format && values.is_empty() => {
                            Value::String(raw.clone())
                        }
                        other => other.evaluate(env, field)?,
                    });
                }
                function.call(values, env.seed()).map_err(|reason| {
                    Failure::new(
                        crate::failure::INTRINSIC_FAILURE,
                        format!("The function '{text}' had the following error: {reason}"),
                    )
                })
            }
        }
    }
}

fn not_found(path: &Path, field: &str, env: &Environment<'_>) -> Failure {
    let text = path.text();
    let input = env.input();
    Failure::runtime(format!(
        "The JSONPath '{text}' specified for the field '{field}' could not be found in the input '{input}'"
    ))
}
