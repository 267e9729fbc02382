//! What can be wrong with a template.

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line}, column {column}")]
pub struct ParseError {
    /// What was expected or found.
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// A template that cannot be rendered in its context.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A method threw, as it would in Java: an index out of bounds, a pattern that is none.
    #[error("{method} failed: {message}")]
    Method {
        /// The method called.
        method: String,
        /// What was wrong.
        message: String,
    },
    /// The template does, makes or writes more than is allowed.
    #[error("the template exceeds its limit of {0}")]
    Limit(&'static str),
}

impl RenderError {
    /// The failure of `method`.
    pub fn method(method: &str, message: impl Into<String>) -> Self {
        Self::Method { method: method.to_owned(), message: message.into() }
    }
}
