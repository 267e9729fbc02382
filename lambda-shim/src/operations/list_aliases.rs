//! `ListAliases`.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{page_size, unqualified};
use crate::{
    function::{answer, configure::text, name},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let function = entry.function();
    let size = page_size(&input.members, PAGE);
    let of_version = text(&input.members, "FunctionVersion");
    // AWS's marker is the ARN of the alias that the next page begins with.
    let from = text(&input.members, "Marker").and_then(|marker| marker.rsplit(':').next());
    let from = from.map_or(Bound::Unbounded, Bound::Included);
    let matching = function.aliases.range::<str, _>((from, Bound::Unbounded));
    let mut shown: Vec<_> = matching
        .filter(|(_, alias)| of_version.is_none_or(|version| alias.version == version))
        .take(size + 1)
        .collect();
    let next = if shown.len() > size { shown.pop().map(|(next, _)| name::arn(&ctx.scope, &entry.name, Some(next))) } else { None };
    let aliases: Vec<_> = shown.into_iter().map(|(name, alias)| answer::alias(&ctx.scope, &entry.name, name, alias)).collect();
    Ok(Output::of(json!({"Aliases": aliases, "NextMarker": next})))
}
