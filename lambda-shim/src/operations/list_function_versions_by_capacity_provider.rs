//! `ListFunctionVersionsByCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::page_size;
use crate::{
    capacity::Named,
    error,
    function::{answer, configure::text},
    service::Lambda,
};

const PAGE: usize = 50;

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let found = lambda.0.capacity.named(&Named::of(ctx, &input.members)?)?;
    let size = page_size(&input.members, PAGE);
    let skip = match text(&input.members, "Marker") {
        None => 0,
        Some(marker) => {
            marker.parse::<usize>().map_err(|_| error::invalid_parameter("The marker is not valid."))?
        }
    };
    let mut versions: Vec<Value> = Vec::new();
    for entry in lambda.0.table.page(&ctx.scope, None, usize::MAX) {
        let function = entry.function();
        let of = |version: &&_| is_of(version, &found.arn);
        versions.extend(function.published().filter(of).map(|version| {
            let shown = answer::configuration(&entry.scope, &entry.name, version, Some(&version.version));
            json!({"FunctionArn": shown["FunctionArn"], "State": shown["State"]})
        }));
    }
    let more = versions.len() > skip.saturating_add(size);
    let shown: Vec<_> = versions.into_iter().skip(skip).take(size).collect();
    let marker = more.then(|| (skip + size).to_string());
    let mut answer = json!({"CapacityProviderArn": found.arn, "FunctionVersions": shown});
    if let Some(marker) = marker {
        answer["NextMarker"] = marker.into();
    }
    Ok(Output::of(answer))
}

/// Whether a version runs on this capacity provider's instances.
pub(super) fn is_of(version: &crate::function::record::Configuration, provider: &str) -> bool {
    version.capacity.as_ref().is_some_and(|capacity| capacity.provider == provider)
}
