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

/// Compiles the steps of a path. Definitions that AWS publishes compare with words that stand without quotes
/// (`[?(@.code==es)]`), which are taken for texts where the path says nothing otherwise.
fn compile(steps: &str) -> Result<JsonPath, String> {
    JsonPath::parse(steps).or_else(|error| {
        let quoted = quote_words(steps).and_then(|quoted| JsonPath::parse(&quoted).ok());
        quoted.ok_or_else(|| error.to_string())
    })
}

/// The path with quotes around the words that a filter compares with; none if there are no such words.
fn quote_words(path: &str) -> Option<String> {
    let (mut out, mut rest, mut changed) = (String::new(), path, false);
    while let Some(at) = rest.find("==").or_else(|| rest.find("!=")) {
        let (before, after) = rest.split_at(at + 2);
        let blanks = after.len() - after.trim_start().len();
        let (blanks, after) = after.split_at(blanks);
        let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        out.push_str(before);
        out.push_str(blanks);
        let bare =
            word.starts_with(|c: char| c.is_alphabetic()) && !["true", "false", "null"].contains(&word);
        if bare {
            changed = true;
            out.push_str(&format!("'{word}'"));
        } else {
            out.push_str(word);
        }
        rest = after;
    }
    out.push_str(rest);
    changed.then_some(out)
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
        let steps = compile(&format!("${steps}"))?;
        Ok(Self { text: text.to_owned(), root, steps })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it leads to at most one place.
    pub fn is_definite(&self) -> bool {
        self.steps.is_definite()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_quotes_are_texts_in_comparisons() {
        let quoted = quote_words("$[?(@.a== es && @.b != fr)].c").unwrap_or_default();
        assert_eq!(quoted, "$[?(@.a== 'es' && @.b != 'fr')].c");
        assert_eq!(quote_words("$[?(@.a == 1 || @.b == true || @.c == 'x')]"), None);
        assert!(Path::parse("$[?(@.a==es)].c").is_ok());
        assert!(Path::parse("$[?(@.a==)].c").is_err());
    }
}
