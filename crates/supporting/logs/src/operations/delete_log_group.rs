//! `DeleteLogGroup`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, group};
use crate::service::Inner;

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    logs.commit(Inner::delete_group(&ctx.scope, &group.name)).await?;
    logs.remove_group(&ctx.scope, &group.name);
    Ok(Output::empty())
}
