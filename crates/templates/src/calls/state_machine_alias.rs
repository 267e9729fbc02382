//! `AWS::StepFunctions::StateMachineVersion`, `StateMachineAlias` and `Activity`.

use serde_json::{Map, Value, json};

use super::{Call, Named, pseudo, tag_map};
use crate::{Known, Refusals};

pub(super) const VERSION: &[&str] = &["Description", "StateMachineArn", "StateMachineRevisionId"];

pub(super) fn version(resource: Named<'_>) -> Vec<Call> {
    let mut members = Map::new();
    for (property, member) in [
        ("Description", "description"),
        ("StateMachineArn", "stateMachineArn"),
        ("StateMachineRevisionId", "revisionId"),
    ] {
        // The first revision of a machine has no id.
        let given = resource.get(property).filter(|value| !value.is_null());
        members.extend(given.map(|value| (member.to_owned(), value.clone())));
    }
    let publish = Call::new("stepfunctions", "PublishStateMachineVersion", Value::Object(members));
    vec![publish.saving(&[("reference", "/stateMachineVersionArn")])]
}

pub(super) const ALIAS: &[&str] = &["DeploymentPreference", "Description", "Name", "RoutingConfiguration"];

/// An alias leads where its routing says, or to the version that is deployed, at once.
pub(super) fn alias(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let routes = match (resource.get("RoutingConfiguration"), resource.get("DeploymentPreference")) {
        (Some(Value::Array(routes)), None) => routes
            .iter()
            .map(|route| json!({ "stateMachineVersionArn": route.get("StateMachineVersionArn"), "weight": route.get("Weight") }))
            .collect(),
        (None, Some(preference)) => {
            if preference.get("Type").is_some_and(|kind| kind != "ALL_AT_ONCE") {
                let text = "Tule deploys at once (ALL_AT_ONCE): it does not shift traffic in steps";
                return Err(Refusals::one(format!("{place}.DeploymentPreference.Type"), text));
            }
            // How fast, and what would call it off: nothing of that acts where all is there at once.
            for name in preference.as_object().into_iter().flat_map(Map::keys) {
                if !["StateMachineVersionArn", "Type"].contains(&name.as_str()) {
                    let text = "Tule deploys at once, and does not apply this property yet";
                    return Err(Refusals::one(format!("{place}.DeploymentPreference.{name}"), text));
                }
            }
            vec![json!({ "stateMachineVersionArn": preference.get("StateMachineVersionArn"), "weight": 100 })]
        }
        _ => {
            let text = "an alias has a RoutingConfiguration or a DeploymentPreference";
            return Err(Refusals::one(place, text));
        }
    };
    let mut create = json!({ "name": resource.name("Name"), "routingConfiguration": routes });
    if let Some(text) = resource.get("Description") {
        create["description"] = text.clone();
    }
    let mut update = create.clone();
    if let Some(members) = update.as_object_mut() {
        members.shift_remove("name");
        members.insert("stateMachineAliasArn".to_owned(), Value::from(alias_arn(resource)));
    }
    let instead = vec![Call::new("stepfunctions", "UpdateStateMachineAlias", update)];
    let create = Call::new("stepfunctions", "CreateStateMachineAlias", create);
    Ok(vec![create.or_if("ConflictException", instead)])
}

/// The alias's ARN follows from its version's, and its name.
pub(super) fn alias_arn(resource: Named<'_>) -> String {
    let version = resource.properties.pointer("/DeploymentPreference/StateMachineVersionArn");
    let version =
        version.or_else(|| resource.properties.pointer("/RoutingConfiguration/0/StateMachineVersionArn"));
    let version = version.and_then(Value::as_str).unwrap_or_default();
    format!("{}:{}", version.rsplit_once(':').unwrap_or_default().0, resource.name("Name"))
}

pub(super) const ACTIVITY: &[&str] = &["Name", "Tags"];

pub(super) fn activity(resource: Named<'_>) -> Vec<Call> {
    let tags: Vec<Value> = tag_map(resource.get("Tags"))
        .into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    let members = json!({ "name": resource.name("Name"), "tags": tags });
    vec![Call::new("stepfunctions", "CreateActivity", members)]
}

/// The activity's ARN follows from its name.
pub(super) fn activity_arn(resource: Named<'_>, known: &Known) -> String {
    let (region, account) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    format!("arn:aws:states:{region}:{account}:activity:{}", resource.name("Name"))
}
