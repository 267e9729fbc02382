//! What can be wrong with a path, or with a document under a path; named as Jayway names its exceptions.

/// A path that does not compile. The message is Jayway's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Jayway's `InvalidPathException`.
    #[error("{0}")]
    InvalidPath(String),
    /// Jayway's `IllegalArgumentException`: the path is empty.
    #[error("{0}")]
    IllegalArgument(String),
}

impl ParseError {
    /// The name of Jayway's exception.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidPath(_) => "InvalidPathException",
            Self::IllegalArgument(_) => "IllegalArgumentException",
        }
    }

    /// Jayway's message.
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidPath(message) | Self::IllegalArgument(message) => message,
        }
    }
}

/// A path that compiled and cannot be answered over a document. The message is Jayway's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Jayway's `PathNotFoundException`: a definite path leads nowhere.
    #[error("{0}")]
    NotFound(String),
    /// Jayway's `InvalidPathException` at evaluation: an unknown function, a filter on a primitive.
    #[error("{0}")]
    InvalidPath(String),
    /// Jayway's `JsonPathException`: a function that cannot work on what it was given, or our limits.
    #[error("{0}")]
    Evaluation(String),
    /// Java's `IndexOutOfBoundsException`, out of `first()`, `last()` or `index()`.
    #[error("{0}")]
    IndexOutOfBounds(String),
}

impl PathError {
    /// The name of Jayway's (or Java's) exception.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "PathNotFoundException",
            Self::InvalidPath(_) => "InvalidPathException",
            Self::Evaluation(_) => "JsonPathException",
            Self::IndexOutOfBounds(_) => "IndexOutOfBoundsException",
        }
    }

    /// Jayway's message.
    pub fn message(&self) -> &str {
        match self {
            Self::NotFound(message)
            | Self::InvalidPath(message)
            | Self::Evaluation(message)
            | Self::IndexOutOfBounds(message) => message,
        }
    }

    /// Whether a filter counts this as "does not match": `PathNotFoundException` is an `InvalidPathException` there.
    pub(crate) fn is_invalid_path(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::InvalidPath(_))
    }
}
