//! Paths of the language: `$…` into the input, `$$…` into the context object, `$name…` into a variable.

use std::borrow::Cow;

use jsonpath::JsonPath;
use serde_json::Value;

use crate::scope::Environment;

/// A path, compiled.
#[derive(Debug, Clone)]
pub struct Path {
    text: String,
    root: Root,
    steps: JsonPath,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Root {
    Input,
    Context,
    Variable(String),
}

/// Why a path gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// In the words of the JSONPath library AWS uses.
    pub reason: String,
}

impl Path {
    /// Compiles a path; the error is a reason in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix('$').ok_or_else(|| String::from("Value is not a valid JSONPath"))?;
        let (root, steps) = if let Some(rest) = rest.strip_prefix('$') {
            (Root::Context, rest)
        } else {
            match rest.chars().next() {
                Some(first) if first.is_alphabetic() || first == '_' => {
                    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                    (Root::Variable(rest[..end].to_owned()), &rest[end..])
                }
                _ => (Root::Input, rest),
            }
        };
        let steps = JsonPath::parse(&format!("${steps}")).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), root, steps })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is `$`.
    pub fn is_whole_input(&self) -> bool {
        self.text == "$"
    }

    /// The variable it reads, if it reads one.
    pub fn variable(&self) -> Option<&str> {
        match &self.root {
            Root::Variable(name) => Some(name),
            Root::Input | Root::Context => None,
        }
    }

    /// What it points at.
    pub fn evaluate<'v>(&self, env: &'v Environment<'_>) -> Result<Cow<'v, Value>, NotFound> {
        let root = match &self.root {
            Root::Input => env.input(),
            Root::Context => env.context(),
            Root::Variable(name) => env.variable(name).ok_or_else(|| NotFound {
                reason: format!("The variable '${name}' has not been assigned"),
            })?,
        };
        match self.steps.evaluate(root) {
            Ok(found) => Ok(found),
            // A path that may find many finds none, also where the library AWS uses would miss the way there.
            Err(_) if !self.steps.is_definite() => Ok(Cow::Owned(Value::Array(Vec::new()))),
            Err(error) => Err(NotFound { reason: error.to_string() }),
        }
    }
}
