//! `TagLogGroup`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, change, group, tags};
use crate::service::Inner;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    change(logs, ctx, &group, |record| record.tags.extend(tags(&members))).await
}
