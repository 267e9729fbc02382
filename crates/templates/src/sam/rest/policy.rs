//! `ResourcePolicy` of an API or of one of its methods, as the policy in its document.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::{
    document::contents,
    event::{ANY, path_pattern},
    intrinsic::{plain_map, put, said, substituted},
};
use super::refuse;
use crate::Refusals;

pub(super) const POLICY: &str = "x-amazon-apigateway-policy";
const KNOWN: &[&str] = &[
    "AwsAccountBlacklist",
    "AwsAccountWhitelist",
    "CustomStatements",
    "IntrinsicVpcBlacklist",
    "IntrinsicVpcWhitelist",
    "IntrinsicVpceBlacklist",
    "IntrinsicVpceWhitelist",
    "IpRangeBlacklist",
    "IpRangeWhitelist",
    "SourceVpcBlacklist",
    "SourceVpcWhitelist",
];

/// The policy over all paths, or over one, for a stage.
pub(super) fn write(
    given: &Value,
    only: Option<&str>,
    stage: &Value,
    document: &mut Value,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(given) = plain_map(given) else {
        refusals.add(place, "a resource policy is a map");
        return;
    };
    given
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .for_each(|name| refuse(refusals, place, name));
    let all = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let paths: Vec<String> = all.filter(|path| only.is_none_or(|only| only == *path)).cloned().collect();
    let before = document.get_mut(POLICY).and_then(|policy| policy.get_mut("Statement")).map(Value::take);
    let mut statements = Statements::new(before.as_ref().map(listed).unwrap_or_default());
    for path in &paths {
        let resources = resources(document, path, stage);
        of_accounts(given, &resources, &mut statements);
        of_addresses(given, &resources, &mut statements);
        of_networks(given, &resources, &mut statements, place, refusals);
    }
    for statement in given.get("CustomStatements").map(listed).unwrap_or_default() {
        statements.add(statement);
    }
    if !statements.listed.is_empty() {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements.listed });
        put(document, &[POLICY], policy);
    }
}

/// Statements, each once.
struct Statements {
    listed: Vec<Value>,
    seen: BTreeSet<String>,
}

impl Statements {
    fn new(listed: Vec<Value>) -> Self {
        Self { seen: listed.iter().map(Value::to_string).collect(), listed }
    }

    fn add(&mut self, statement: Value) {
        if self.seen.insert(statement.to_string()) {
            self.listed.push(statement);
        }
    }
}

fn listed(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

/// The ARNs of a path's methods in a stage.
fn resources(document: &mut Value, path: &str, stage: &Value) -> Value {
    let items = document.get_mut("paths").and_then(|paths| paths.get_mut(path)).map(contents);
    let mut resources = Vec::new();
    for item in items.into_iter().flatten().filter_map(|item| item.as_object()) {
        for method in item.keys() {
            let is_any = method.eq_ignore_ascii_case(ANY) || method.eq_ignore_ascii_case("any");
            let verb = if is_any { "*".to_owned() } else { method.to_uppercase() };
            let text = format!("execute-api:/${{__Stage__}}/{verb}{}", path_pattern(path));
            resources.push(substituted(&text, &json!({ "__Stage__": stage })));
        }
    }
    Value::Array(resources)
}

fn of_accounts(given: &Map<String, Value>, resources: &Value, statements: &mut Statements) {
    for (name, effect) in [("AwsAccountWhitelist", "Allow"), ("AwsAccountBlacklist", "Deny")] {
        if let Some(accounts) = said(given, name) {
            statements.listed.push(json!({
                "Effect": effect, "Action": "execute-api:Invoke", "Resource": resources,
                "Principal": { "AWS": listed(accounts) },
            }));
        }
    }
}

fn of_addresses(given: &Map<String, Value>, resources: &Value, statements: &mut Statements) {
    for (name, test) in [("IpRangeWhitelist", "NotIpAddress"), ("IpRangeBlacklist", "IpAddress")] {
        if let Some(ranges) = said(given, name) {
            allow_but(resources, json!({ test: { "aws:SourceIp": listed(ranges) } }), statements);
        }
    }
}

fn of_networks(
    given: &Map<String, Value>,
    resources: &Value,
    statements: &mut Statements,
    place: &str,
    refusals: &mut Refusals,
) {
    for (list, test) in [("Blacklist", "StringEquals"), ("Whitelist", "StringNotEquals")] {
        let (mut networks, mut endpoints) = (Vec::new(), Vec::new());
        for item in said(given, &format!("SourceVpc{list}")).map(listed).unwrap_or_default() {
            match item.as_str() {
                Some(text) if text.starts_with("vpce-") => endpoints.push(item),
                Some(text) if text.starts_with("vpc-") => networks.push(item),
                Some(text) => refusals.add(
                    format!("{place}.SourceVpc{list}"),
                    format!("{text} is no network's id (vpc-...) and no endpoint's (vpce-...)"),
                ),
                None => refusals.add(
                    format!("{place}.SourceVpc{list}"),
                    format!("this is a list of texts; IntrinsicVpc{list} takes functions"),
                ),
            }
        }
        networks.extend(said(given, &format!("IntrinsicVpc{list}")).map(listed).unwrap_or_default());
        endpoints.extend(said(given, &format!("IntrinsicVpce{list}")).map(listed).unwrap_or_default());
        let sources = [("aws:SourceVpc", networks), ("aws:SourceVpce", endpoints)];
        let sources: Map<String, Value> = sources
            .into_iter()
            .filter(|(_, listed)| !listed.is_empty())
            .map(|(name, listed)| (name.to_owned(), Value::Array(listed)))
            .collect();
        if !sources.is_empty() {
            allow_but(resources, json!({ test: sources }), statements);
        }
    }
}

/// Everybody is let in, but those of whom the condition holds.
fn allow_but(resources: &Value, condition: Value, statements: &mut Statements) {
    let statement = |effect: &str| json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resources, "Principal": "*" });
    statements.add(statement("Allow"));
    let mut deny = statement("Deny");
    deny["Condition"] = condition;
    statements.add(deny);
}
