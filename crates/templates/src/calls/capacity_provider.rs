//! `AWS::Lambda::CapacityProvider`.

use serde_json::{Value, json};

use super::{Call, Named, tag_map};

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
