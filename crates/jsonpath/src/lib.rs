//! JSONPath as Jayway's library reads it, which is what Step Functions and API Gateway run.
//!
//! Owns the grammar, its evaluation over [`serde_json::Value`] and AWS's reference paths. Knows nothing of AWS services,
//! and is pure: no clock, no files, no randomness. Jayway's own answers (`fixtures/jsonpath`) say what is right, its
//! oddities included; each oddity has its comment where it is made.
//!
//! Start at [`JsonPath`]; a path that is only names and indexes, and can be written to, is a [`ReferencePath`].

mod compile;
mod cursor;
mod decimal;
mod error;
mod evaluate;
mod filter;
mod filter_evaluate;
mod filter_value;
mod function;
mod lenient_json;
mod parameters;
mod reference;
mod token;

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde_json::Value;

pub use error::{ParseError, PathError};
pub use reference::{ReferencePath, ReferencePathError};

use crate::{evaluate::Found, token::Path};

/// A compiled path. Cheap to clone; evaluation never changes it.
#[derive(Debug, Clone)]
pub struct JsonPath(Arc<Path>);

/// One value that a path found, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Match<'v> {
    /// The normalised path of this value, e.g. `$['a'][0]['b']`.
    pub path: String,
    /// The value; owned where a function or a list of names made it.
    pub value: Cow<'v, Value>,
}

impl JsonPath {
    /// Compiles `path`. A path that does not begin with `$` or `@` is read as if `$.` stood before it.
    pub fn parse(path: &str) -> Result<Self, ParseError> {
        compile::compile(path).map(|path| Self(Arc::new(path)))
    }

    /// Whether the path means one value; if not, its result is always an array.
    pub fn is_definite(&self) -> bool {
        self.0.is_definite()
    }

    /// Whether the path ends in a function (`$.a.length()`).
    pub fn is_function(&self) -> bool {
        self.0.is_function()
    }

    /// Jayway's own spelling of the compiled path, e.g. `$['a'][0]`.
    pub fn normalized(&self) -> String {
        self.0.to_string()
    }

    /// The value of a definite path, or [`PathError::NotFound`]; the array of all values of an indefinite one.
    pub fn evaluate<'v>(&self, document: &'v Value) -> Result<Cow<'v, Value>, PathError> {
        if let Some(value) = self.0.walk_plain(document) {
            return Ok(Cow::Borrowed(value));
        }
        evaluate::result(&self.0, document)
    }

    /// All values found, each with its normalised path. Nothing found is an empty list.
    pub fn matches<'v>(&self, document: &'v Value) -> Result<Vec<Match<'v>>, PathError> {
        let found = evaluate::matches(&self.0, document)?;
        Ok(found
            .into_iter()
            .map(|Found { value, path }| Match { path: path.unwrap_or_default(), value })
            .collect())
    }
}

impl FromStr for JsonPath {
    type Err = ParseError;

    fn from_str(path: &str) -> Result<Self, ParseError> {
        Self::parse(path)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
