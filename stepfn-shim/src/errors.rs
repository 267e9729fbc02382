//! The errors of the service, in AWS's words.

use aws_wire::ServiceError;
use store::StoreError;

pub(crate) fn invalid_name(name: &str) -> ServiceError {
    ServiceError::bad_request("InvalidName", format!("Invalid Name: '{name}'"))
}

pub(crate) fn invalid_arn(what: impl AsRef<str>) -> ServiceError {
    ServiceError::bad_request("InvalidArn", format!("Invalid Arn: '{}'", what.as_ref()))
}

pub(crate) fn state_machine_does_not_exist(arn: &str) -> ServiceError {
    ServiceError::bad_request("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
}

pub(crate) fn execution_does_not_exist(arn: &str) -> ServiceError {
    ServiceError::bad_request("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
}

pub(crate) fn activity_does_not_exist(arn: &str) -> ServiceError {
    ServiceError::bad_request("ActivityDoesNotExist", format!("Activity Does Not Exist: '{arn}'"))
}

pub(crate) fn type_not_supported() -> ServiceError {
    ServiceError::bad_request(
        "StateMachineTypeNotSupported",
        "This operation is not supported by this type of state machine",
    )
}

pub(crate) fn invalid_token() -> ServiceError {
    ServiceError::bad_request("InvalidToken", "Invalid Token: 'Invalid token'")
}

pub(crate) fn page_token() -> ServiceError {
    ServiceError::bad_request("InvalidToken", "Invalid Token: 'Invalid nextToken'")
}

pub(crate) fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal("Step Functions could not write to or read from its storage").with_source(error)
}

pub(crate) fn damaged(what: &str) -> ServiceError {
    ServiceError::internal(format!("The stored record of {what} cannot be read"))
}

pub(crate) fn not_redrivable(reason: &str) -> ServiceError {
    ServiceError::bad_request("ExecutionNotRedrivable", reason)
}

pub(crate) fn resource_not_found(arn: &str) -> ServiceError {
    ServiceError::bad_request("ResourceNotFound", format!("Resource not found: '{arn}'"))
        .with_field("resourceName", arn)
}
