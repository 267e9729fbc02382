//! `UntagLogGroup`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, change, group, keys};
use crate::service::Inner;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let keys = keys(&members, "tags");
    change(logs, ctx, &group, |record| record.tags.retain(|key, _| !keys.contains(key))).await
}
