//! AWS's errors as CloudWatch Logs words them.

use aws_wire::ServiceError;
use store::StoreError;

pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidParameterException", message)
}

pub(crate) fn no_group() -> ServiceError {
    ServiceError::bad_request("ResourceNotFoundException", "The specified log group does not exist.")
}

pub(crate) fn no_stream() -> ServiceError {
    ServiceError::bad_request("ResourceNotFoundException", "The specified log stream does not exist.")
}

pub(crate) fn exists(what: &str) -> ServiceError {
    ServiceError::bad_request(
        "ResourceAlreadyExistsException",
        format!("The specified log {what} already exists"),
    )
}

pub(crate) fn storage(error: StoreError) -> ServiceError {
    ServiceError::new(
        "ServiceUnavailableException",
        500,
        format!("The log data could not be stored: {error}"),
    )
    .with_source(error)
}
