//! What is wrong with a definition, in AWS's words.

use std::fmt;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it keeps the definition from being used.
    pub severity: Severity,
    /// What kind of finding it is.
    pub code: Code,
    /// In words.
    pub message: String,
    /// Where: `/States/Pay/Resource`, or a place in the text.
    pub location: Option<String>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// It can.
    Warning,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The text is not JSON.
    InvalidJson,
    /// A field is missing, unknown, or not what it must be.
    SchemaValidationFailed,
    /// A transition leads nowhere.
    MissingTransitionTarget,
    /// The definition is right, but Tule cannot run it.
    NotImplemented,
}

impl Code {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "INVALID_JSON_DESCRIPTION",
            Self::SchemaValidationFailed => "SCHEMA_VALIDATION_FAILED",
            Self::MissingTransitionTarget => "MISSING_TRANSITION_TARGET",
            Self::NotImplemented => "NOT_IMPLEMENTED",
        }
    }
}

impl Severity {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}
