//! `CreateCapacityProvider`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{TAG_LIMIT, tags, too_many_tags};
use crate::{
    capacity::{self, CapacityProvider, Named},
    function::{network, record::last_modified},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = Named::of(ctx, &input.members)?;
    let tags = tags(&input.members);
    if tags.len() > TAG_LIMIT {
        return Err(too_many_tags());
    }
    let settings = capacity::settings(&input.members)?;
    network::check_provider(inner, ctx, &input.members).await?;
    let provider = CapacityProvider {
        name: named.name.clone(),
        arn: named.arn.clone(),
        settings,
        modified: last_modified(inner.clock.now()),
        tags: tags.into_iter().collect(),
    };
    let added = inner.capacity.add(ctx, &named, provider).await?;
    // There is nothing to wait for here: it is active when it is asked for again.
    Ok(Output::of(json!({"CapacityProvider": added.shown("Pending")})))
}
