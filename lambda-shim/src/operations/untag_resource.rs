//! `UntagResource`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::{tagged, tagged_capacity_provider, tagged_code_signing_config, tagged_mapping};
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let keys: Vec<&str> = input.members.get("TagKeys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    // The key list travels in the query: an empty one does not travel at all.
    if keys.is_empty() {
        return Err(ServiceError::validation(
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
        ));
    }
    if let Some(mapping) = tagged_mapping(&lambda.0, ctx, &input.members) {
        let change = lambda.0.mappings.change_tags(&mapping, |known| {
            known.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        });
        return change.await.map(|()| Output::empty());
    }
    if let Some(config) = tagged_code_signing_config(&lambda.0, &input.members) {
        let change = lambda.0.code_signing.change(&config.arn, |config| {
            config.tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        });
        return change.await.map(|_| Output::empty());
    }
    if let Some(provider) = tagged_capacity_provider(&lambda.0, &input.members) {
        let change = lambda.0.capacity.change(&provider, |provider| {
            provider.tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(())
        });
        return change.await.map(|_| Output::empty());
    }
    let entry = tagged(&lambda.0, ctx, &input.members)?;
    lambda
        .0
        .table
        .update(&entry, |function| {
            for key in keys {
                function.tags.remove(key);
            }
            function.latest.revise();
            Ok(())
        })
        .await?;
    Ok(Output::empty())
}
