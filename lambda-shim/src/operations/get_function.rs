//! `GetFunction`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, named};
use crate::{code::download, error, function::answer, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = named(ctx, &input.members)?;
    let function = entry(inner, ctx, &named)?.function();
    let qualifier = named.qualifier.as_deref();
    let shown = function.qualified(qualifier).ok_or_else(|| error::function_not_found(&named.arn(&ctx.scope)))?;
    let link = download::link(&ctx.endpoint, &shown.code.blob, &inner.secret, inner.clock.now());
    let mut members = Map::new();
    members.insert("Configuration".into(), Value::Object(answer::configuration(&ctx.scope, &named.name, shown, qualifier)));
    members.insert("Code".into(), json!({"RepositoryType": "S3", "Location": link}));
    if !function.tags.is_empty() {
        members.insert("Tags".into(), json!(function.tags));
    }
    if let Some(reserved) = function.reserved_concurrency {
        members.insert("Concurrency".into(), json!({"ReservedConcurrentExecutions": reserved}));
    }
    Ok(Output { members, ..Output::default() })
}
