//! `AWS::Lambda::Permission` and `AWS::Lambda::LayerVersionPermission`.

use serde_json::{Value, json};

use super::{Call, Named, qualified};

pub(super) const PROPERTIES: &[&str] = &[
    "Action",
    "EventSourceToken",
    "FunctionName",
    "FunctionUrlAuthType",
    "InvokedViaFunctionUrl",
    "Principal",
    "PrincipalOrgID",
    "SourceAccount",
    "SourceArn",
];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let mut add = resource.members(PROPERTIES);
    // The permission is of an alias or a version, where the ARN is of one.
    let (function, qualifier) = qualified(resource.text("FunctionName").unwrap_or_default());
    let which = match qualifier {
        Some(qualifier) => json!({ "FunctionName": function, "Qualifier": qualifier }),
        None => json!({ "FunctionName": function }),
    };
    let id = Value::from(format!("{}-{}", resource.stack, resource.id));
    let with = |mut members: Value| {
        members["StatementId"] = id.clone();
        members
    };
    let remove = with(which.clone());
    if let Value::Object(which) = with(which) {
        add.extend(which);
    }
    let again = Call::new("lambda", "AddPermission", Value::Object(add.clone()));
    let instead = vec![Call::new("lambda", "RemovePermission", remove), again];
    vec![Call::new("lambda", "AddPermission", Value::Object(add)).or_if("ResourceConflictException", instead)]
}

pub(super) const OF_LAYER: &[&str] = &["Action", "LayerVersionArn", "OrganizationId", "Principal"];

pub(super) fn of_layer(resource: Named<'_>) -> Vec<Call> {
    let arn = resource.text("LayerVersionArn").unwrap_or_default();
    let (layer, version) = arn.rsplit_once(':').unwrap_or((arn, ""));
    let mut add = resource.members(&["Action", "OrganizationId", "Principal"]);
    let id = format!("{}-{}", resource.stack, resource.id);
    let version = version.parse::<i64>().map_or_else(|_| Value::from(version), Value::from);
    let which = json!({ "LayerName": layer, "VersionNumber": version, "StatementId": id });
    add.extend(which.as_object().cloned().unwrap_or_default());
    let add = Call::new("lambda", "AddLayerVersionPermission", Value::Object(add));
    vec![add.or_if("ResourceConflictException", Vec::new())]
}
