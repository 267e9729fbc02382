//! `ListEventSourceMappings`: there are none, since none can be created yet.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::service::Lambda;

pub(super) async fn call(_: &Lambda, _: &CallContext, _: Input) -> Result<Output, ServiceError> {
    Ok(Output::of(json!({"EventSourceMappings": []})))
}
