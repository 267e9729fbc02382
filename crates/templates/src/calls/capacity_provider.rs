//! `AWS::Lambda::CapacityProvider` and `AWS::Lambda::CodeSigningConfig`.

use serde_json::{Value, json};

use super::{Call, Named, network, pseudo, tag_map};
use crate::Known;

pub(super) const PROPERTIES: &[&str] = &[
    "CapacityProviderName",
    "CapacityProviderScalingConfig",
    "InstanceRequirements",
    "KmsKeyArn",
    "PermissionsConfig",
    "Tags",
    "VpcConfig",
];
const SAME: &[&str] =
    &["CapacityProviderScalingConfig", "InstanceRequirements", "KmsKeyArn", "PermissionsConfig", "VpcConfig"];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let name = resource.name("CapacityProviderName");
    let mut create = resource.members(SAME);
    create.insert("CapacityProviderName".to_owned(), Value::from(name.as_str()));
    create.insert("Tags".to_owned(), Value::Object(tag_map(resource.get("Tags"))));
    let save = [("arn", "/CapacityProvider/CapacityProviderArn")];
    let mut instead = vec![
        Call::new("lambda", "GetCapacityProvider", json!({ "CapacityProviderName": name })).saving(&save),
    ];
    if let Some(scaling) = resource.get("CapacityProviderScalingConfig") {
        let members = json!({ "CapacityProviderName": name, "CapacityProviderScalingConfig": scaling });
        instead.push(Call::new("lambda", "UpdateCapacityProvider", members));
    }
    let create = Call::new("lambda", "CreateCapacityProvider", Value::Object(create)).saving(&save);
    vec![create.or_if("ResourceConflictException", instead)]
}

pub(super) const CODE_SIGNING: &[&str] = &["AllowedPublishers", "CodeSigningPolicies", "Description", "Tags"];

/// Its id follows from the stack and the logical id, by which it is found again.
pub(super) fn code_signing(resource: Named<'_>, known: &Known) -> Vec<Call> {
    let settings = resource.members(&["AllowedPublishers", "CodeSigningPolicies", "Description"]);
    let mut tags = tag_map(resource.get("Tags"));
    let chosen = network::id(resource, "csc", &Value::Null);
    let id = tags
        .entry("_custom_id_")
        .or_insert_with(|| Value::from(chosen))
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let (region, account) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    let arn = format!("arn:aws:lambda:{region}:{account}:code-signing-config:{id}");
    let save = [
        ("arn", "/CodeSigningConfig/CodeSigningConfigArn"),
        ("id", "/CodeSigningConfig/CodeSigningConfigId"),
    ];
    let mut create = settings.clone();
    create.insert("Tags".to_owned(), Value::Object(tags));
    let mut update = settings;
    update.insert("CodeSigningConfigArn".to_owned(), Value::from(arn.as_str()));
    let mut instead =
        vec![Call::new("lambda", "UpdateCodeSigningConfig", Value::Object(update)).saving(&save)];
    let given = tag_map(resource.get("Tags"));
    if !given.is_empty() {
        instead.push(Call::new("lambda", "TagResource", json!({ "Resource": arn, "Tags": given })));
    }
    let create = Call::new("lambda", "CreateCodeSigningConfig", Value::Object(create)).saving(&save);
    vec![create.or_if("ResourceConflictException", instead)]
}
