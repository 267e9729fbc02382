//! Resources of API Gateway that one call makes: of each its properties, the call, and what it gives.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Call, Named, Reply,
    fields::{Field, members},
    gateway_v1, gateway_v2, saved,
};
use crate::Refusals;

/// A resource type.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    pub(super) kind: &'static str,
    pub(super) service: &'static str,
    pub(super) operation: &'static str,
    pub(super) fields: &'static [Field],
    /// The member that is made of the stack's name and the logical id where the template gives none.
    pub(super) named: Option<&'static str>,
    pub(super) reference: Reference,
    /// Attributes, and where the answer has them.
    pub(super) attributes: &'static [(&'static str, &'static str)],
}

/// What `Ref` gives.
#[derive(Clone, Copy)]
pub(super) enum Reference {
    /// A part of the answer.
    Answer(&'static str),
    /// A member of the call.
    Member(&'static str),
    /// Nothing that can be used; CloudFormation makes a name up.
    LogicalId,
}

/// The resource type of this name.
pub(super) fn find(kind: &str) -> Option<&'static Kind> {
    gateway_v1::KINDS.iter().chain(gateway_v2::KINDS).find(|known| known.kind == kind)
}

/// The properties that a resource of this type may have.
pub(super) fn properties(kind: &'static Kind) -> Vec<&'static str> {
    kind.fields.iter().map(|field| field.property).collect()
}

/// The members of a resource's call.
fn input(kind: &Kind, resource: Named<'_>) -> Result<serde_json::Map<String, Value>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let mut input = members(kind.fields, resource.properties, &[], &place)?;
    if let Some(member) = kind.named
        && !input.contains_key(member)
    {
        // A model's name has only letters and digits.
        let name = match member {
            "name" if kind.operation == "CreateModel" => alphanumeric(resource.id),
            _ => resource.name(member),
        };
        input.insert(member.to_owned(), Value::from(name));
    }
    for (name, id) in [("domainName", "domainNameId"), ("DomainName", "DomainNameId")] {
        name_of_arn(&mut input, name, id);
    }
    Ok(input)
}

/// A domain name's ARN stands for its name, and for its id where that is a part of it: `…/domainnames/NAME+ID`.
fn name_of_arn(input: &mut serde_json::Map<String, Value>, member: &str, id: &str) {
    let arn = input.get(member).and_then(Value::as_str);
    let Some((_, named)) = arn.and_then(|arn| arn.strip_prefix("arn:")?.split_once("/domainnames/")) else {
        return;
    };
    let (name, of) = named.split_once('+').map_or((named, None), |(name, of)| (name, Some(of)));
    let of = of.map(|of| (id.to_owned(), Value::from(of)));
    let name = Value::from(name);
    input.insert(member.to_owned(), name);
    input.extend(of);
}

fn alphanumeric(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The calls of a resource, with what has to go first where the same stack was made before.
pub(super) fn calls(kind: &Kind, resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut members = input(kind, resource)?;
    let mut save: Vec<(&str, &'static str)> = kind.attributes.to_vec();
    if let Reference::Answer(pointer) = kind.reference {
        save.push(("reference", pointer));
    }
    let make = |members| Call::new(kind.service, kind.operation, Value::Object(members)).saving(&save);
    Ok(match kind.kind {
        "AWS::ApiGateway::DomainName" | "AWS::ApiGatewayV2::DomainName" => {
            let member = if kind.service == "apigateway" { "domainName" } else { "DomainName" };
            let name = json!({ member: members.get(member) });
            let gone = Call::new(kind.service, "DeleteDomainName", name);
            vec![gone.or_if("NotFoundException", Vec::new()), make(members)]
        }
        "AWS::ApiGateway::DomainNameV2" => {
            // A private name is deleted by its id, too, which a listing gives that begins right before the name: no name
            // has a `~`, and all that names may have come before it.
            let name = members.get("domainName").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut before = name.clone();
            let last = before.pop().and_then(|last| char::from_u32(u32::from(last).saturating_sub(1)));
            before.extend(last.into_iter().chain(['~']));
            let find = json!({ "position": before, "limit": 1 });
            let find = Call::new(kind.service, "GetDomainNames", find);
            let which = json!({ "domainName": name, "domainNameId": saved("before") });
            vec![
                find.saving(&[("before", "/items/0/domainNameId")]),
                Call::new(kind.service, "DeleteDomainName", which).or_if("NotFoundException", Vec::new()),
                make(members),
            ]
        }
        "AWS::ApiGateway::ApiKey" => {
            // A value that follows from the names makes the key of a stack made again the same key.
            members.entry("value").or_insert_with(|| Value::from(resource.api_id().repeat(2)));
            let value = json!({ "apiKey": members.get("value") });
            let named = json!({ "nameQuery": members.get("name"), "limit": 1 });
            // Unless it is to be distinct, a key's id is its value.
            let by_name = Call::new(kind.service, "GetApiKeys", named).saving(&[("before", "/items/0/id")]);
            let find = Call::new(kind.service, "GetApiKey", value).saving(&[("before", "/id")]);
            let instead = vec![
                find.or_if("NotFoundException", vec![by_name]),
                Call::new(kind.service, "DeleteApiKey", json!({ "apiKey": saved("before") })),
                make(members.clone()),
            ];
            vec![make(members).or_if("ConflictException", instead)]
        }
        "AWS::ApiGateway::UsagePlanKey" => {
            // The key is in the plan that the stack made before: it moves.
            let key = members.get("keyId").cloned().unwrap_or_default();
            let plan = Call::new(kind.service, "GetUsagePlans", json!({ "keyId": key }));
            let out = json!({ "usagePlanId": saved("before"), "keyId": key });
            let instead = vec![
                plan.saving(&[("before", "/items/0/id")]),
                Call::new(kind.service, "DeleteUsagePlanKey", out),
                make(members.clone()),
            ];
            vec![make(members).or_if("ConflictException", instead)]
        }
        _ => vec![make(members)],
    })
}

pub(super) fn reply(kind: &Kind, resource: Named<'_>, saved: &BTreeMap<String, Value>) -> Reply {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    let reference = match kind.reference {
        Reference::Answer(_) => value("reference"),
        Reference::Member(member) => {
            input(kind, resource).ok().and_then(|mut input| input.remove(member)).unwrap_or_default()
        }
        Reference::LogicalId => Value::from(resource.id),
    };
    Reply { reference, attributes: kind.attributes.iter().map(|(name, _)| (*name, value(name))).collect() }
}
