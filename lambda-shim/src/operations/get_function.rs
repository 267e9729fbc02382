//! `GetFunction`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, named};
use crate::{
    code::{download, folder_package},
    error,
    function::{answer, record::Image},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = named(ctx, &input.members)?;
    let function = entry(inner, ctx, &named)?.function();
    let qualifier = named.qualifier.as_deref();
    let shown = function.qualified(qualifier).ok_or_else(|| error::function_not_found(&named.arn()))?;
    let code = match &shown.image {
        Some(image) => image_location(image),
        None => {
            // A folder is sent as what it is by then.
            let folder = (!shown.code.folders.is_empty())
                .then(|| folder_package::key(&ctx.scope, &named.name, &shown.version));
            let package = folder.as_ref().unwrap_or(&shown.code.blob);
            let link = download::link(&ctx.endpoint, package, &inner.secret, inner.clock.now());
            json!({"RepositoryType": "S3", "Location": link})
        }
    };
    let mut members = Map::new();
    members.insert("Configuration".into(), Value::Object(answer::configuration(&ctx.scope, &named.name, shown, qualifier)));
    members.insert("Code".into(), code);
    if !function.tags.is_empty() {
        members.insert("Tags".into(), json!(function.tags));
    }
    if let Some(reserved) = function.reserved_concurrency {
        members.insert("Concurrency".into(), json!({"ReservedConcurrentExecutions": reserved}));
    }
    Ok(Output { members, ..Output::default() })
}

fn image_location(image: &Image) -> Value {
    // `name:tag` becomes `name@digest`; a colon before the last slash is a registry's port.
    let name = match image.uri.split_once('@').map_or(&*image.uri, |(name, _)| name).rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => &image.uri,
    };
    let resolved = image.id.as_ref().map(|id| format!("{name}@{id}"));
    json!({"RepositoryType": "ECR", "ImageUri": image.uri, "ResolvedImageUri": resolved})
}
