//! `GetEventSourceMapping`: there is none, since none can be created yet.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use crate::{error, service::Lambda};

pub(super) async fn call(_: &Lambda, _: &CallContext, _: Input) -> Result<Output, ServiceError> {
    Err(missing())
}

/// There is no mapping of the UUID given.
pub(super) fn missing() -> ServiceError {
    error::not_found("The resource you requested does not exist.")
}
