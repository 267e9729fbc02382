//! `DeleteCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{capacity::Named, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let removed = lambda.0.capacity.remove(&Named::of(ctx, &input.members)?).await?;
    Ok(Output::of(json!({"CapacityProvider": removed.shown("Deleting")})))
}
