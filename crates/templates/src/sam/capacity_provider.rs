//! `AWS::Serverless::CapacityProvider`.

use serde_json::{Map, Value, json};

use super::{
    Serverless, Work,
    intrinsic::{attribute, map_entries, tag_list},
    role::{Role, managed_arn, trust},
};
use crate::Refusals;

const KNOWN: &[&str] = &[
    "CapacityProviderName",
    "InstanceRequirements",
    "KmsKeyArn",
    "OperatorRole",
    "PropagateTags",
    "ScalingConfig",
    "Tags",
    "VpcConfig",
];
const CREATED_BY: &str = "lambda:createdBy";

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    let kind = "AWS::Serverless::CapacityProvider";
    found.check(id, KNOWN, kind, &mut work.refusals);
    let place = format!("Resources.{id}.Properties");
    let mut properties = found.same(&["CapacityProviderName", "KmsKeyArn", "VpcConfig"]);
    if found.get("VpcConfig").is_none() {
        work.refusals.add(&place, "Missing required property 'VpcConfig'.");
    }
    let created_by = json!({ "Key": CREATED_BY, "Value": "SAM" });
    let mut tags = tag_list(found.get("Tags"));
    tags.push(created_by.clone());
    let role = found.get("OperatorRole").cloned().unwrap_or_else(|| {
        let role_id = format!("{id}OperatorRole");
        let mut role = Role::new(&role_id, trust("lambda.amazonaws.com"));
        role.attach(managed_arn("AWSLambdaManagedEC2ResourceOperator"));
        let mut properties = role.properties();
        let own = if found.propagated().is_some() { tags.clone() } else { vec![created_by] };
        properties.insert("Tags".to_owned(), Value::Array(own));
        work.made.add(&role_id, "AWS::IAM::Role", properties, &found.derived());
        attribute(&role_id, "Arn")
    });
    properties.insert("PermissionsConfig".to_owned(), json!({ "CapacityProviderOperatorRoleArn": role }));
    properties.insert("Tags".to_owned(), Value::Array(tags));
    let names = [
        ("Architectures", "Architectures"),
        ("AllowedTypes", "AllowedInstanceTypes"),
        ("ExcludedTypes", "ExcludedInstanceTypes"),
    ];
    if let Some(given) = found.get("InstanceRequirements") {
        let renamed = renamed(given, &names, &format!("{place}.InstanceRequirements"), &mut work.refusals);
        properties.insert("InstanceRequirements".to_owned(), Value::Object(renamed));
    }
    if let Some(given) = found.get("ScalingConfig") {
        let known = [("MaxVCpuCount", "MaxVCpuCount"), ("AverageCPUUtilization", "")];
        let mut scaling = renamed(given, &known, &format!("{place}.ScalingConfig"), &mut work.refusals);
        let mode = match scaling.shift_remove("") {
            Some(target) => {
                let metric = "LambdaCapacityProviderAverageCPUUtilization";
                let policies = json!([{ "PredefinedMetricType": metric, "TargetValue": target }]);
                scaling.insert("ScalingPolicies".to_owned(), policies);
                "Manual"
            }
            None => "Auto",
        };
        scaling.insert("ScalingMode".to_owned(), Value::from(mode));
        properties.insert("CapacityProviderScalingConfig".to_owned(), Value::Object(scaling));
    }
    work.made.add(id, "AWS::Lambda::CapacityProvider", properties, &found.beside);
}

fn renamed(
    given: &Value,
    names: &[(&str, &str)],
    place: &str,
    refusals: &mut Refusals,
) -> Map<String, Value> {
    let mut made = Map::new();
    for (name, value) in map_entries(Some(given), place, refusals) {
        match names.iter().find(|(known, _)| known == name) {
            Some((_, member)) => drop(made.insert((*member).to_owned(), value.clone())),
            None => refusals.add(format!("{place}.{name}"), "Tule does not apply this property yet"),
        }
    }
    made
}
