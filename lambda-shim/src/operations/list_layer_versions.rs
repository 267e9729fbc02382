//! `ListLayerVersions`: the newest first.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{list_layers::Asked, page_size};
use crate::{error, function::configure::text, layer::name::LayerRef, service::Lambda};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let asked = Asked::of(members)?;
    let size = page_size(members, PAGE);
    // A marker is the number of the last version shown.
    let below = match text(members, "Marker") {
        None => u64::MAX,
        Some(marker) => marker.parse().map_err(|_| error::invalid_parameter("The marker is not valid."))?,
    };
    let versions = lambda.0.layers.versions(&LayerRef::of(ctx, members));
    let suitable = versions.iter().rev().filter(|version| version.number < below);
    let mut shown: Vec<_> = suitable.filter(|version| asked.suits(version)).take(size + 1).collect();
    let more = shown.len() > size;
    shown.truncate(size);
    let marker = shown.last().filter(|_| more).map(|version| version.number.to_string());
    let shown: Vec<Value> = shown.into_iter().map(|version| version.listed().into()).collect();
    Ok(Output::of(json!({"LayerVersions": shown, "NextMarker": marker})))
}
