//! `ListFunctionUrlConfigs`: those of a function and its aliases.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{get_function_url_config::shown, named, page_size};
use crate::{
    error,
    function::{configure::text, name},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let missing = || error::function_not_found(&name::arn(&ctx.scope, &named.name, None));
    let function = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(missing)?.function();
    let size = page_size(&input.members, PAGE);
    let from = text(&input.members, "Marker").map_or(Bound::Unbounded, Bound::Included);
    let mut found: Vec<_> = function.urls.range::<str, _>((from, Bound::Unbounded)).take(size + 1).collect();
    let next = if found.len() > size { found.pop().map(|(qualifier, _)| qualifier) } else { None };
    let configs: Vec<_> = found
        .into_iter()
        .map(|(qualifier, url)| {
            let qualifier = Some(qualifier.as_str()).filter(|qualifier| !qualifier.is_empty());
            shown(url, ctx, &name::arn(&ctx.scope, &named.name, qualifier))
        })
        .collect();
    Ok(Output::of(json!({ "FunctionUrlConfigs": configs, "NextMarker": next })))
}
