//! `GetCodeSigningConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use crate::{code_signing::missing, function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let arn = text(&input.members, "CodeSigningConfigArn").unwrap_or_default();
    let config = lambda.0.code_signing.get(arn).ok_or_else(|| missing(arn))?;
    Ok(Output::of(json!({"CodeSigningConfig": config.shown()})))
}
