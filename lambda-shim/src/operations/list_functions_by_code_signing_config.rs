//! `ListFunctionsByCodeSigningConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::page_size;
use crate::{
    code_signing::missing,
    function::{configure::text, name},
    service::Lambda,
};

const PAGE: usize = 50;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let arn = text(&input.members, "CodeSigningConfigArn").unwrap_or_default();
    inner.code_signing.get(arn).ok_or_else(|| missing(arn))?;
    let size = page_size(&input.members, PAGE);
    // A marker is the name of the last function shown.
    let all = inner.table.page(&ctx.scope, text(&input.members, "Marker"), usize::MAX);
    let having = all.iter().filter(|entry| entry.function().code_signing.as_deref() == Some(arn));
    let mut found: Vec<_> = having.take(size + 1).collect();
    let more = found.len() > size;
    found.truncate(size);
    let marker = found.last().filter(|_| more).map(|entry| entry.name.to_string());
    let arns: Vec<String> = found.iter().map(|entry| name::arn(&ctx.scope, &entry.name, None)).collect();
    Ok(Output::of(json!({"FunctionArns": arns, "NextMarker": marker})))
}
