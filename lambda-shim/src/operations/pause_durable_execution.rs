//! `PauseDurableExecution`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::{durable_conflict, durable_execution};
use crate::{
    durable::{
        driver,
        engine::control::{self, Request},
    },
    function::configure::text,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let entry = durable_execution(&lambda.0, ctx, members)?;
    let request = Request {
        client_token: text(members, "ClientToken").map(str::to_owned),
        reason: text(members, "Reason").map(str::to_owned),
        holds_timeout: members.get("ExecutionTimeoutPaused").and_then(Value::as_bool) != Some(false),
    };
    let paused = driver::change(&lambda.0, &entry, |draft| {
        control::pause(draft, &request).map_err(|refused| durable_conflict("paused", refused))
    });
    paused.await?;
    Ok(Output { status: Some(202), ..Output::empty() })
}
