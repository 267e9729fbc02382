//! From an operation's members to typed values and back.

use aws_wire::ServiceError;
use runtime::{Input, Output};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::error::bad_request;

/// An operation's input as the type its handler wants. Members the type does not name are ignored.
pub(crate) fn read<T: DeserializeOwned>(input: Input) -> Result<T, ServiceError> {
    serde_json::from_value(Value::Object(input.members))
        .map_err(|error| bad_request(format!("Invalid input: {error}")))
}

/// A record as an answer.
pub(crate) fn answer(record: &impl Serialize) -> Result<Output, ServiceError> {
    value(record).map(Output::of)
}

/// A record as a member of an answer.
pub(crate) fn value(record: &impl Serialize) -> Result<Value, ServiceError> {
    serde_json::to_value(record).map_err(|error| ServiceError::internal(error.to_string()))
}
