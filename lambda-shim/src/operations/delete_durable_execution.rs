//! `DeleteDurableExecution`: an execution that has ended, with everything of it.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{durable_conflict, durable_execution};
use crate::{
    durable::{driver, engine::control},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = durable_execution(&lambda.0, ctx, &input.members)?;
    let asked = driver::change(&lambda.0, &entry, |draft| {
        control::delete(draft).map_err(|refused| durable_conflict("deleted", refused))?;
        Ok(draft.now)
    });
    let asked = asked.await?;
    // It is told now, and done a moment later; one that a crash leaves is removed at the next start.
    let inner = Arc::clone(&lambda.0);
    tokio::spawn(async move {
        if let Err(failure) = driver::remove(&inner, &entry).await {
            tracing::warn!(execution = entry.identity.arn(), %failure, "a durable execution could not be removed");
        }
    });
    let answer = json!({ "DeletionRequestTimestamp": asked.epoch_seconds() });
    Ok(Output { status: Some(202), ..Output::of(answer) })
}
