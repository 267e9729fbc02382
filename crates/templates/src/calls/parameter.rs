//! `AWS::SSM::Parameter`, made at the endpoint that serves Systems Manager.

use serde_json::{Value, json};

use super::{
    Call, Named, Reply,
    fields::{
        Field,
        Shape::{Tags, Text},
        members, same,
    },
};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["AllowedPattern", "DataType", "Description", "Name", "Policies", "Tags", "Tier", "Type", "Value"];

const PARAMETER: &[Field] = &[
    same("AllowedPattern", Text),
    same("DataType", Text),
    same("Description", Text),
    same("Name", Text),
    same("Policies", Text),
    same("Tags", Tags),
    same("Tier", Text),
    same("Type", Text),
    same("Value", Text),
];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let mut put = members(PARAMETER, resource.properties, &[], &place)?;
    let name = resource.name("Name");
    let tags = put.shift_remove("Tags");
    put.insert("Name".to_owned(), Value::from(name.as_str()));
    put.insert("Overwrite".to_owned(), Value::Bool(true));
    let mut calls = vec![Call::new("ssm", "PutParameter", Value::Object(put))];
    if let Some(Value::Object(tags)) = tags.filter(|tags| tags.as_object().is_some_and(|it| !it.is_empty())) {
        let tags: Vec<Value> =
            tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let members = json!({ "ResourceType": "Parameter", "ResourceId": name, "Tags": tags });
        calls.push(Call::new("ssm", "AddTagsToResource", members).or_without("the parameter has no tags"));
    }
    Ok(calls)
}

pub(super) fn reply(resource: Named<'_>) -> Reply {
    let given = |name: &'static str| Some((name, resource.get(name)?.clone()));
    Reply {
        reference: Value::from(resource.name("Name")),
        attributes: ["Type", "Value"].into_iter().filter_map(given).collect(),
    }
}
