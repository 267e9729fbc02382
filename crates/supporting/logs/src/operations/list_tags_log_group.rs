//! `ListTagsLogGroup`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::json;

use super::{Members, group};
use crate::service::Inner;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    Ok(Output::of(json!({"tags": group.record().tags})))
}
