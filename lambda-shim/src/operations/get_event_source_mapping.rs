//! `GetEventSourceMapping`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use crate::{
    error,
    event_source::record::Mapping,
    function::configure::text,
    service::{Inner, Lambda},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let mapping = found(&lambda.0, ctx, &input)?;
    Ok(Output { members: lambda.0.mappings.shown(&mapping), ..Output::default() })
}

/// The mapping of the UUID given.
pub(super) fn found(inner: &Inner, ctx: &CallContext, input: &Input) -> Result<Arc<Mapping>, ServiceError> {
    let uuid = text(&input.members, "UUID").unwrap_or_default();
    let missing = || error::not_found("The resource you requested does not exist.");
    inner.mappings.get(&ctx.scope, uuid).ok_or_else(missing)
}
