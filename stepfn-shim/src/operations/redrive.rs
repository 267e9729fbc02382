//! RedriveExecution.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::json;

use super::{Request, execution::named};
use crate::service::Inner;

pub(super) async fn redrive(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (key, record) = named(inner, &request.members)?;
    let token = request.members.optional_text("clientToken");
    // The same wish again has the same answer, whatever became of the execution since.
    let before = token.and_then(|token| record.redriven_by(token, inner.clock.now()));
    let at = match before {
        Some(at) => at,
        None => inner.redrive(key, token, None).await?,
    };
    Ok(Output::of(json!({ "redriveDate": at.epoch_seconds() })))
}
