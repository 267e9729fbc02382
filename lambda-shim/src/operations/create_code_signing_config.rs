//! `CreateCodeSigningConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{TAG_LIMIT, tags, too_many_tags};
use crate::{
    code_signing::CodeSigningConfig,
    function::{
        configure::text,
        record::{last_modified, new_id},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let tags = tags(&members);
    if tags.len() > TAG_LIMIT {
        return Err(too_many_tags());
    }
    let id = format!("csc-{}", &new_id().replace('-', "")[..17]);
    let config = CodeSigningConfig {
        arn: ctx.scope.arn("lambda", &format!("code-signing-config:{id}")),
        id,
        description: text(&members, "Description").unwrap_or_default().to_owned(),
        publishers: members.get("AllowedPublishers").cloned().unwrap_or_default(),
        policy: policy(&members).unwrap_or("Warn").to_owned(),
        modified: last_modified(inner.clock.now()),
        tags: tags.into_iter().collect(),
    };
    let added = inner.code_signing.add(config).await?;
    Ok(Output::of(json!({"CodeSigningConfig": added.shown()})))
}

/// `UntrustedArtifactOnDeployment`.
pub(super) fn policy(members: &Map<String, Value>) -> Option<&str> {
    members.get("CodeSigningPolicies")?.get("UntrustedArtifactOnDeployment")?.as_str()
}
