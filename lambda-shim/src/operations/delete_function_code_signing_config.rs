//! `DeleteFunctionCodeSigningConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::unqualified;
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let update = lambda.0.table.update(&entry, |function| {
        function.code_signing = None;
        Ok(())
    });
    update.await?;
    Ok(Output::empty())
}
