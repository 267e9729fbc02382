//! `ListCapacityProviders`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::page_size;
use crate::{function::configure::text, service::Lambda};

const PAGE: usize = 50;

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    // All that are kept are active.
    if text(&input.members, "State").is_some_and(|state| state != "Active") {
        return Ok(Output::of(json!({"CapacityProviders": []})));
    }
    let size = page_size(&input.members, PAGE);
    // A marker is the name of the last one shown.
    let mut found = lambda.0.capacity.page(&ctx.scope, text(&input.members, "Marker"), size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let marker = found.last().filter(|_| more).map(|provider| provider.name.clone());
    let shown: Vec<Value> = found.iter().map(|provider| provider.shown("Active")).collect();
    Ok(Output::of(json!({"CapacityProviders": shown, "NextMarker": marker})))
}
