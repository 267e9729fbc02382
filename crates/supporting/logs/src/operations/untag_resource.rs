//! `UntagResource`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, change, keys, tagged};
use crate::service::Inner;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = tagged(logs, ctx, &members)?;
    let keys = keys(&members, "tagKeys");
    change(logs, ctx, &group, |record| record.tags.retain(|key, _| !keys.contains(key))).await
}
