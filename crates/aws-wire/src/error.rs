//! The one error that crosses a service's edge.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use serde_json::{Map, Value};

/// What a service answers when it refuses: AWS's code and message, the HTTP status and further members of the
/// error's shape. What the log may say beyond that is in `source`, and never reaches the client.
///
/// The codes are those of the service's model (`ResourceNotFoundException`, `StateMachineDoesNotExist`, …); codes
/// every service shares have a constructor here.
#[derive(Debug, Clone)]
pub struct ServiceError {
    /// AWS's error code, e.g. `ResourceConflictException`.
    pub code: Cow<'static, str>,
    /// What the client reads.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// Further members of the error's shape, by the model's member names (`Type`, `Reason`, `retryAfterSeconds` …).
    pub fields: Map<String, Value>,
    /// What happened underneath; for the log only.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

impl ServiceError {
    /// An error with AWS's code, HTTP status and message.
    pub fn new(code: impl Into<Cow<'static, str>>, status: u16, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), status, fields: Map::new(), source: None }
    }

    /// A refusal of the client's input: status 400.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(code, 400, message)
    }

    /// `ValidationException` (400), the code most services use for input that breaks their model.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationException", message)
    }

    /// An operation or a setting that Tule does not have: 501, naming it.
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new("NotImplemented", 501, message)
    }

    /// A fault of ours (a full disk, a dead engine): 500 with a text that names it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new("InternalFailure", 500, message)
    }

    /// Adds a member of the error's shape.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what happened underneath, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
