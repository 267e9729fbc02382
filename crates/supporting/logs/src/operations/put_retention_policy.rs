//! `PutRetentionPolicy`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::Value;

use super::{Members, change, group};
use crate::{error, service::Inner};

/// The numbers of days that AWS takes.
const DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let given = members.get("retentionInDays").and_then(Value::as_i64).unwrap_or_default();
    let days = u32::try_from(given).ok().filter(|days| DAYS.contains(days)).ok_or_else(|| {
        let known: Vec<_> = DAYS.iter().map(u32::to_string).collect();
        error::invalid(format!(
            "1 validation error detected: Value '{given}' at 'retentionInDays' failed to satisfy constraint: Member must \
             satisfy enum value set: [{}]",
            known.join(", ")
        ))
    })?;
    let group = group(logs, ctx, &members)?;
    let changed = change(logs, ctx, &group, |record| record.retention_days = Some(days)).await;
    group.expire(logs.clock.now());
    changed
}
