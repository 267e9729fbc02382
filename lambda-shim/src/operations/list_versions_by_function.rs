//! `ListVersionsByFunction`.

use std::ops::Bound;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{page_size, unqualified};
use crate::{
    error,
    function::{answer, configure::text, name::{LATEST, LATEST_PUBLISHED}},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let function = entry.function();
    let size = page_size(&input.members, PAGE);
    // A marker is the number of the last version shown; before the first come `$LATEST` and `$LATEST.PUBLISHED`.
    let marker = text(&input.members, "Marker");
    let after = match marker.filter(|marker| *marker != LATEST) {
        None => None,
        Some(marker) => Some(marker.parse::<u64>().map_err(|_| error::invalid_parameter("The marker is not valid."))?),
    };
    let latest = marker.is_none().then_some(&function.latest);
    let latest = latest.into_iter().chain(after.is_none().then_some(function.latest_published.as_ref()).flatten());
    let published = function.versions.range((Bound::Excluded(after.unwrap_or(0)), Bound::Unbounded));
    let mut shown: Vec<_> = latest.chain(published.map(|(_, version)| version)).take(size + 1).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let marker = shown.last().filter(|_| more).map(|last| match last.version.as_str() {
        LATEST_PUBLISHED => "0".to_owned(),
        version => version.to_owned(),
    });
    let versions: Vec<_> = shown
        .into_iter()
        .map(|version| answer::listed(&ctx.scope, &entry.name, version, Some(&version.version)))
        .collect();
    Ok(Output::of(json!({"Versions": versions, "NextMarker": marker})))
}
