//! `DeleteLogStream`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, group, text};
use crate::{error, service::Inner};

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let name = text(&members, "logStreamName").unwrap_or_default();
    if group.stream(name).is_none() {
        return Err(error::no_stream());
    }
    logs.commit(Inner::delete_stream(&ctx.scope, &group.name, name)).await?;
    group.remove_stream(name);
    Ok(Output::empty())
}
