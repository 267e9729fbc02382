//! `ListFunctionVersionsByCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{capacity::Named, service::Lambda};

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let found = lambda.0.capacity.named(&Named::of(ctx, &input.members)?)?;
    // Functions are not given any: `CapacityProviderConfig` is refused.
    Ok(Output::of(json!({"CapacityProviderArn": found.arn, "FunctionVersions": []})))
}
