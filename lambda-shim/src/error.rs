//! AWS's errors as Lambda words them. One constructor an error, so that texts stand in one place.

use aws_wire::ServiceError;
use store::StoreError;

/// Most of Lambda's errors say whose fault it is.
fn user(error: ServiceError) -> ServiceError {
    error.with_field("Type", "User")
}

pub(crate) fn invalid_parameter(message: impl Into<String>) -> ServiceError {
    user(ServiceError::bad_request("InvalidParameterValueException", message))
}

pub(crate) fn not_found(message: impl Into<String>) -> ServiceError {
    user(ServiceError::new("ResourceNotFoundException", 404, message))
}

pub(crate) fn function_not_found(arn: &str) -> ServiceError {
    not_found(format!("Function not found: {arn}"))
}

pub(crate) fn no_published_version() -> ServiceError {
    let text = "The function has no published versions available.";
    user(ServiceError::bad_request("NoPublishedVersionException", text))
}

pub(crate) fn conflict(message: impl Into<String>) -> ServiceError {
    user(ServiceError::new("ResourceConflictException", 409, message))
}

/// Refused by who asks: such refusals say nothing of whose fault it is.
pub(crate) fn access_denied(message: impl Into<String>) -> ServiceError {
    ServiceError::new("AccessDeniedException", 403, message)
}

pub(crate) fn precondition_failed() -> ServiceError {
    user(ServiceError::new(
        "PreconditionFailedException",
        412,
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
         retrieve the latest Revision Id",
    ))
}

pub(crate) fn already_started(arn: &str) -> ServiceError {
    let text = format!("Execution already started: {arn}");
    user(ServiceError::new("DurableExecutionAlreadyStartedException", 409, text))
}

pub(crate) fn no_execution() -> ServiceError {
    not_found("Durable Execution does not exist")
}

pub(crate) fn throttled(reason: &str) -> ServiceError {
    user(ServiceError::new("TooManyRequestsException", 429, "Rate Exceeded.")).with_field("Reason", reason)
}

pub(crate) fn too_large(message: impl Into<String>) -> ServiceError {
    user(ServiceError::new("RequestEntityTooLargeException", 413, message))
}

/// A fault of ours or of the machine: Lambda calls it `ServiceException`.
pub(crate) fn service(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ServiceException", 500, message).with_field("Type", "Service")
}

pub(crate) fn storage(error: StoreError) -> ServiceError {
    service(format!("The function's record could not be stored: {error}")).with_source(error)
}

/// A property that is understood and not done yet: refused by its name, so that nothing is silently ignored.
pub(crate) fn unsupported(property: &str) -> ServiceError {
    ServiceError::not_implemented(format!("Tule's Lambda does not support {property} yet."))
}
