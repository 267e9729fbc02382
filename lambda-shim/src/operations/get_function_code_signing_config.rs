//! `GetFunctionCodeSigningConfig`: an empty ARN where a function has none.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::unqualified;
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let arn = entry.function().code_signing.clone().unwrap_or_default();
    Ok(Output::of(json!({"CodeSigningConfigArn": arn, "FunctionName": &*entry.name})))
}
