//! `CreateLogStream`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{Members, group, text};
use crate::{error, service::Inner};

pub(super) async fn call(logs: &Arc<Inner>, ctx: &CallContext, members: Members) -> Result<Output, ServiceError> {
    let group = group(logs, ctx, &members)?;
    let name = text(&members, "logStreamName").unwrap_or_default();
    if name.contains([':', '*']) {
        return Err(error::invalid(format!(
            "1 validation error detected: Value '{name}' at 'logStreamName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [^:*]*"
        )));
    }
    let (stream, made) = group.stream_or_new(name, logs.clock.now(), true);
    if !made {
        return Err(error::exists("stream"));
    }
    if let Err(failure) = logs.commit(Inner::put_stream(&ctx.scope, &group.name, name, stream.created)).await {
        group.remove_stream(name);
        return Err(failure);
    }
    Ok(Output::empty())
}
