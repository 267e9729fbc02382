//! `DeleteCodeSigningConfig`: one that functions have stays.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use crate::{error, function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let arn = text(&input.members, "CodeSigningConfigArn").unwrap_or_default();
    let functions = inner.table.page(&ctx.scope, None, usize::MAX);
    if functions.iter().any(|entry| entry.function().code_signing.as_deref() == Some(arn)) {
        return Err(error::conflict(
            "Cannot delete the code signing configuration because functions are using it. Remove it from the functions \
             and try again.",
        ));
    }
    inner.code_signing.remove(arn).await?;
    Ok(Output::empty())
}
