//! `ListFunctionEventInvokeConfigs`.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{named, page_size, put_function_event_invoke_config::answer};
use crate::{
    error,
    function::{configure::text, name},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let missing = || error::not_found("The function doesn't exist.");
    let function = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(missing)?.function();
    let size = page_size(&input.members, PAGE);
    // AWS's marker is the ARN that the next page begins with.
    let from = text(&input.members, "Marker").and_then(|marker| marker.rsplit(':').next());
    let from = from.map_or(Bound::Unbounded, Bound::Included);
    let mut found: Vec<_> = function.event_configs.range::<str, _>((from, Bound::Unbounded)).take(size + 1).collect();
    let next = if found.len() > size { found.pop() } else { None };
    let next = next.map(|(qualifier, _)| name::arn(&ctx.scope, &named.name, Some(qualifier)));
    let shown: Vec<_> =
        found.into_iter().map(|(qualifier, config)| answer(ctx, &named.name, qualifier, config)).collect();
    Ok(Output::of(json!({"FunctionEventInvokeConfigs": shown, "NextMarker": next})))
}
