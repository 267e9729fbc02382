//! `StopDurableExecution`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::durable_execution;
use crate::{
    durable::{
        driver,
        engine::{control, update},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = durable_execution(&lambda.0, ctx, &input.members)?;
    let error = input.members.get("Error").and_then(update::error_of);
    super::must_fit_error(error.as_ref())?;
    let stopped = driver::change(&lambda.0, &entry, |draft| Ok(control::stop(draft, error))).await?;
    Ok(Output::of(json!({ "StopTimestamp": Value::from(stopped.epoch_seconds()) })))
}
