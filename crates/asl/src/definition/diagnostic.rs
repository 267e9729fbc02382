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
    /// A machine has no state at which it could end.
    MissingEndState,
    /// Two states have the same name.
    DuplicateStateName,
    /// A state's name is not as names must be.
    InvalidStateName,
    /// Machines are nested too deeply in each other.
    TooDeeplyNested,
    /// A value looks like a path, but the field's name does not end in `.$`.
    NoDollar,
    /// A value looks like a path, but the field's name does not end in `Path`.
    NoPath,
    /// The result of a Pass state looks like a path.
    PassResultIsStatic,
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
            Self::MissingEndState => "MISSING_END_STATE",
            Self::DuplicateStateName => "DUPLICATE_STATE_NAME",
            Self::InvalidStateName => "INVALID_STATE_NAME",
            Self::TooDeeplyNested => "TOO_DEEPLY_NESTED",
            Self::NoDollar => "NO_DOLLAR",
            Self::NoPath => "NO_PATH",
            Self::PassResultIsStatic => "PASS_RESULT_IS_STATIC",
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
