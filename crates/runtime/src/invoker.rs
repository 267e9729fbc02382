//! The typed way to Lambda, for the hot paths: API Gateway's proxy integrations and Step Functions' tasks.

use bytes::Bytes;

use crate::{BoxFuture, CallContext};
use aws_wire::ServiceError;

/// How an invocation is to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationMode {
    /// Wait for the function's answer.
    RequestResponse,
    /// Queue it; the answer is only that it was taken (202).
    Event,
    /// Check, do not run (204).
    DryRun,
}

/// One invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Name, partial ARN or ARN, with or without a qualifier.
    pub function: String,
    /// Version or alias, where it is not part of `function`.
    pub qualifier: Option<String>,
    /// How to answer.
    pub mode: InvocationMode,
    /// The event, JSON text.
    pub payload: Bytes,
    /// Base64 of the client context, as the header has it.
    pub client_context: Option<String>,
    /// Whether the last 4 KiB of the log are wanted (`LogType: Tail`).
    pub log_tail: bool,
    /// The tenant, for functions with tenant isolation.
    pub tenant_id: Option<String>,
}

impl Invocation {
    /// A synchronous invocation with nothing but a payload.
    pub fn request_response(function: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            function: function.into(),
            qualifier: None,
            mode: InvocationMode::RequestResponse,
            payload: payload.into(),
            client_context: None,
            log_tail: false,
            tenant_id: None,
        }
    }
}

/// What came of an invocation. A function that failed is an outcome, not an error.
#[derive(Debug, Clone)]
pub struct InvocationOutcome {
    /// 200, 202 or 204.
    pub status: u16,
    /// What the function returned, or the error's JSON.
    pub payload: Bytes,
    /// `Unhandled` (or `Handled`) when the function failed.
    pub function_error: Option<String>,
    /// `$LATEST` or a number.
    pub executed_version: String,
    /// Base64 of the log's last 4 KiB, when asked for.
    pub log_result: Option<String>,
}

/// Lambda, as other services call it.
pub trait FunctionInvoker: Send + Sync {
    /// Runs one invocation. Errors are those of the `Invoke` operation (`ResourceNotFoundException`,
    /// `TooManyRequestsException`, `InvalidRequestContentException`, …).
    fn invoke<'a>(
        &'a self,
        ctx: &'a CallContext,
        invocation: Invocation,
    ) -> BoxFuture<'a, Result<InvocationOutcome, ServiceError>>;
}
