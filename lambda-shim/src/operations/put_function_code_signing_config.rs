//! `PutFunctionCodeSigningConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::unqualified;
use crate::{code_signing::must_exist, function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let arn = text(&input.members, "CodeSigningConfigArn").unwrap_or_default().to_owned();
    must_exist(inner, &arn)?;
    let entry = unqualified(inner, ctx, &input.members)?;
    let kept = arn.clone();
    let update = inner.table.update(&entry, |function| {
        function.code_signing = Some(kept);
        Ok(())
    });
    update.await?;
    Ok(Output::of(json!({"CodeSigningConfigArn": arn, "FunctionName": &*entry.name})))
}
