//! `PutFunctionRecursionConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::unqualified;
use crate::{function::configure::text, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let says = text(&input.members, "RecursiveLoop").map(str::to_owned);
    let kept = says.clone();
    let update = lambda.0.table.update(&entry, |function| {
        function.recursive_loop = kept;
        Ok(())
    });
    update.await?;
    Ok(Output::of(json!({"RecursiveLoop": says})))
}
