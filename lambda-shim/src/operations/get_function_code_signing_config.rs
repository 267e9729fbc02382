//! `GetFunctionCodeSigningConfig`: no function here has one.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::unqualified;
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    Ok(Output::of(json!({"CodeSigningConfigArn": "", "FunctionName": &*entry.name})))
}
