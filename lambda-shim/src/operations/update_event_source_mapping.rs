//! `UpdateEventSourceMapping`: there is none, since none can be created yet.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::get_event_source_mapping::missing;
use crate::service::Lambda;

pub(super) async fn call(_: &Lambda, _: &CallContext, _: Input) -> Result<Output, ServiceError> {
    Err(missing())
}
