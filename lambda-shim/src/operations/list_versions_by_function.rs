//! `ListVersionsByFunction`.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{page_size, unqualified};
use crate::{
    error,
    function::{answer, configure::text, name::LATEST},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let function = entry.function();
    let size = page_size(&input.members, PAGE);
    // A marker is the number of the last version shown; `$LATEST` is version 0 here.
    let after = match text(&input.members, "Marker") {
        None => None,
        Some(marker) => Some(marker.parse::<u64>().map_err(|_| error::invalid_parameter("The marker is not valid."))?),
    };
    let latest = after.is_none().then_some((0, &function.latest));
    let published = function.versions.range((Bound::Excluded(after.unwrap_or(0)), Bound::Unbounded));
    let mut shown: Vec<_> = latest.into_iter().chain(published.map(|(number, version)| (*number, version))).take(size + 1).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let marker = shown.last().filter(|_| more).map(|(number, _)| number.to_string());
    let versions: Vec<_> = shown
        .into_iter()
        .map(|(number, version)| {
            let qualifier = if number == 0 { LATEST } else { version.version.as_str() };
            answer::listed(&ctx.scope, &entry.name, version, Some(qualifier))
        })
        .collect();
    Ok(Output::of(json!({"Versions": versions, "NextMarker": marker})))
}
