//! `ListCodeSigningConfigs`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::page_size;
use crate::{function::configure::text, service::Lambda};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let size = page_size(&input.members, PAGE);
    // A marker is the id of the last one shown.
    let after = text(&input.members, "Marker");
    let mut found = lambda.0.code_signing.page(&ctx.scope, after, size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let marker = found.last().filter(|_| more).map(|config| config.id.clone());
    let shown: Vec<Value> = found.iter().map(|config| config.shown()).collect();
    Ok(Output::of(json!({"CodeSigningConfigs": shown, "NextMarker": marker})))
}
