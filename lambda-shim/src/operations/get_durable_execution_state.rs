//! `GetDurableExecutionState`: the pages of a running execution's operations that its function's event had no room for.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{
    durable::engine::{checkpoint, show},
    error,
    function::configure::text,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let arn = text(members, "DurableExecutionArn").unwrap_or_default();
    let found = lambda.0.durable.by_arn(arn);
    let entry = found.ok_or_else(|| error::invalid_parameter("Invalid checkpoint token"))?;
    let from = match text(members, "Marker").filter(|marker| !marker.is_empty()) {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| error::invalid_parameter("Invalid marker"))?,
    };
    let state = entry.state();
    checkpoint::must_be_current(&state, text(members, "CheckpointToken").unwrap_or_default())?;
    let (operations, next) = show::state(&state, from, super::durable_page(members));
    drop(state);
    let mut answer = json!({ "Operations": operations });
    if let Some(next) = next {
        answer["NextMarker"] = next.to_string().into();
    }
    Ok(Output::of(answer))
}
