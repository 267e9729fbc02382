//! `ListEventSourceMappings`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{named, page_size};
use crate::{function::configure::text, service::Lambda};

/// AWS answers a hundred a page, however many are asked for.
const PAGE: usize = 100;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let size = page_size(members, PAGE);
    let function = match text(members, "FunctionName") {
        Some(_) => Some(named(ctx, members)?.arn()),
        None => None,
    };
    // A marker is the UUID of the last mapping shown.
    let wanted = (function.as_deref(), text(members, "EventSourceArn"));
    let mut found = lambda.0.mappings.page(&ctx.scope, wanted, text(members, "Marker"), size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let marker = found.last().filter(|_| more).map(|mapping| mapping.uuid.clone());
    let shown: Vec<Value> = found.iter().map(|mapping| Value::Object(lambda.0.mappings.shown(mapping))).collect();
    Ok(Output::of(json!({"EventSourceMappings": shown, "NextMarker": marker})))
}
