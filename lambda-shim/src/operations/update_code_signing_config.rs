//! `UpdateCodeSigningConfig`: what is given changes, the rest stays.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::create_code_signing_config::policy;
use crate::{
    function::{configure::text, record::last_modified},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let now = inner.clock.now();
    let change = inner.code_signing.change(text(&members, "CodeSigningConfigArn").unwrap_or_default(), |config| {
        if let Some(description) = text(&members, "Description") {
            description.clone_into(&mut config.description);
        }
        if let Some(publishers) = members.get("AllowedPublishers").filter(|given| given.is_object()) {
            config.publishers = publishers.clone();
        }
        if let Some(policy) = policy(&members) {
            policy.clone_into(&mut config.policy);
        }
        config.modified = last_modified(now);
        Ok(())
    });
    Ok(Output::of(json!({"CodeSigningConfig": change.await?.shown()})))
}
