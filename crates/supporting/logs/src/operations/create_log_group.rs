//! `CreateLogGroup`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, tags, text};
use crate::{error, group::GroupRecord, service::Inner};

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let name = text(&members, "logGroupName").unwrap_or_default();
    let mut record = GroupRecord::new(logs.clock.now());
    record.tags = tags(&members).into_iter().collect();
    record.kms_key = text(&members, "kmsKeyId").map(str::to_owned);
    if let Some(class) = text(&members, "logGroupClass") {
        class.clone_into(&mut record.class);
    }
    let group = logs.add_group(&ctx.scope, name, record).ok_or_else(|| error::exists("group"))?;
    if let Err(failure) = logs.commit(logs.put_group(&ctx.scope, &group)?).await {
        logs.remove_group(&ctx.scope, name);
        return Err(failure);
    }
    Ok(Output::empty())
}
