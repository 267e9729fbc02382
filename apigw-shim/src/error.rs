//! API Gateway's own errors, as its control planes word them.

use aws_wire::ServiceError;
use store::StoreError;

pub(crate) fn bad_request(message: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("BadRequestException", message)
}

pub(crate) fn not_found(message: impl Into<String>) -> ServiceError {
    ServiceError::new("NotFoundException", 404, message)
}

pub(crate) fn conflict(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ConflictException", 409, message)
}

/// Many identifiers share one text: AWS says no more of resources, methods and the API they are in.
pub(crate) fn invalid(what: &str) -> ServiceError {
    not_found(format!("Invalid {what} specified"))
}

/// A setting that AWS has and Tule does not.
pub(crate) fn not_yet(what: &str) -> ServiceError {
    ServiceError::not_implemented(format!("Tule does not implement {what} of API Gateway yet"))
}

pub(crate) fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal(format!("API Gateway could not keep its records: {error}")).with_source(error)
}
