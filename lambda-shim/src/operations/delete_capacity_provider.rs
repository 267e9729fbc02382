//! `DeleteCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::list_function_versions_by_capacity_provider::is_of;
use crate::{capacity::Named, error, function::record::Function, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = Named::of(ctx, &input.members)?;
    let uses = |function: &Function| {
        std::iter::once(&function.latest).chain(function.published()).any(|version| is_of(version, &named.arn))
    };
    if lambda.0.table.page(&ctx.scope, None, usize::MAX).iter().any(|entry| uses(&entry.function())) {
        return Err(error::conflict(format!(
            "Capacity provider {} cannot be deleted while functions are associated with it.",
            named.arn
        )));
    }
    let removed = lambda.0.capacity.remove(&named).await?;
    Ok(Output::of(json!({"CapacityProvider": removed.shown("Deleting")})))
}
