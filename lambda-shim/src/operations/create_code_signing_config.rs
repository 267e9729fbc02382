//! `CreateCodeSigningConfig`.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{TAG_LIMIT, tags, too_many_tags};
use crate::{
    code_signing::CodeSigningConfig,
    error,
    function::{
        configure::text,
        record::{last_modified, new_id},
    },
    service::Lambda,
};

/// The tag that chooses an id, for templates and scripts that look for it again.
const CUSTOM_ID: &str = "_custom_id_";

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let tags = tags(&members);
    if tags.len() > TAG_LIMIT {
        return Err(too_many_tags());
    }
    let mut tags: BTreeMap<_, _> = tags.into_iter().collect();
    let id = match tags.remove(CUSTOM_ID) {
        Some(chosen) if is_id(&chosen) => chosen,
        Some(_) => {
            return Err(error::invalid_parameter(format!(
                "The tag {CUSTOM_ID} chooses an id: csc- and seventeen lower-case letters and digits."
            )));
        }
        None => format!("csc-{}", &new_id().replace('-', "")[..17]),
    };
    let config = CodeSigningConfig {
        arn: ctx.scope.arn("lambda", &format!("code-signing-config:{id}")),
        id,
        description: text(&members, "Description").unwrap_or_default().to_owned(),
        publishers: members.get("AllowedPublishers").cloned().unwrap_or_default(),
        policy: policy(&members).unwrap_or("Warn").to_owned(),
        modified: last_modified(inner.clock.now()),
        tags,
    };
    let added = inner.code_signing.add(config).await?;
    Ok(Output::of(json!({"CodeSigningConfig": added.shown()})))
}

/// Whether a text is an id as AWS makes them.
fn is_id(text: &str) -> bool {
    let good = |rest: &str| {
        rest.len() == 17 && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.strip_prefix("csc-").is_some_and(good)
}

/// `UntrustedArtifactOnDeployment`.
pub(super) fn policy(members: &Map<String, Value>) -> Option<&str> {
    members.get("CodeSigningPolicies")?.get("UntrustedArtifactOnDeployment")?.as_str()
}
