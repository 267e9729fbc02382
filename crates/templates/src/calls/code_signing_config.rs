//! `AWS::Lambda::CodeSigningConfig`.

use serde_json::{Value, json};

use super::{Call, Named, network, pseudo, tag_map};
use crate::Known;

pub(super) const PROPERTIES: &[&str] = &["AllowedPublishers", "CodeSigningPolicies", "Description", "Tags"];

/// Its id follows from the stack and the logical id, by which it is found again.
pub(super) fn calls(resource: Named<'_>, known: &Known) -> Vec<Call> {
    let settings = resource.members(&["AllowedPublishers", "CodeSigningPolicies", "Description"]);
    let (tags, id) = network::tags_with_id(resource, "csc", &Value::Null);
    let (region, account) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    let arn = format!("arn:aws:lambda:{region}:{account}:code-signing-config:{id}");
    let save = [
        ("arn", "/CodeSigningConfig/CodeSigningConfigArn"),
        ("id", "/CodeSigningConfig/CodeSigningConfigId"),
    ];
    let mut create = settings.clone();
    create.insert("Tags".to_owned(), Value::Object(tags));
    let create = Call::new("lambda", "CreateCodeSigningConfig", Value::Object(create)).saving(&save);
    let mut update = settings;
    update.insert("CodeSigningConfigArn".to_owned(), Value::from(arn.as_str()));
    let update = Call::new("lambda", "UpdateCodeSigningConfig", Value::Object(update)).saving(&save);
    let given = tag_map(resource.get("Tags"));
    let tag = (!given.is_empty())
        .then(|| Call::new("lambda", "TagResource", json!({ "Resource": arn, "Tags": given })));
    vec![create.or_if("ResourceConflictException", [update].into_iter().chain(tag).collect())]
}
