//! `TagResource`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{TAG_LIMIT, tagged, tagged_capacity_provider, tagged_code_signing_config, tagged_mapping, tags, too_many_tags};
use crate::{error, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let tags = tags(&input.members);
    if let Some(mapping) = tagged_mapping(&lambda.0, ctx, &input.members).filter(|_| !tags.is_empty()) {
        let change = lambda.0.mappings.change_tags(&mapping, |known| {
            known.extend(tags);
            if known.len() > TAG_LIMIT { Err(too_many_tags()) } else { Ok(()) }
        });
        return change.await.map(|()| Output::empty());
    }
    let config = tagged_code_signing_config(&lambda.0, &input.members);
    let provider = tagged_capacity_provider(&lambda.0, &input.members);
    let entry = (config.is_none() && provider.is_none()).then(|| tagged(&lambda.0, ctx, &input.members)).transpose()?;
    if tags.is_empty() {
        return Err(error::invalid_parameter("An error occurred and the request cannot be processed."));
    }
    if let Some(provider) = provider {
        let change = lambda.0.capacity.change(&provider, |provider| {
            provider.tags.extend(tags);
            if provider.tags.len() > TAG_LIMIT { Err(too_many_tags()) } else { Ok(()) }
        });
        return change.await.map(|_| Output::empty());
    }
    if let Some(config) = config {
        let change = lambda.0.code_signing.change(&config.arn, |config| {
            config.tags.extend(tags);
            if config.tags.len() > TAG_LIMIT { Err(too_many_tags()) } else { Ok(()) }
        });
        return change.await.map(|_| Output::empty());
    }
    let Some(entry) = entry else { return Ok(Output::empty()) };
    lambda
        .0
        .table
        .update(&entry, |function| {
            function.tags.extend(tags);
            if function.tags.len() > TAG_LIMIT {
                return Err(too_many_tags());
            }
            function.latest.revise();
            Ok(())
        })
        .await?;
    Ok(Output::empty())
}
