//! Roles that serverless resources get, with the policies they ask for.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Map, Value, json};

use super::intrinsic::{is_intrinsic, is_said};
use crate::Refusals;

/// Paths of AWS's managed policies by their names.
static MANAGED: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    let lines = include_str!("../../data/managed-policies.txt").lines();
    lines.map(|path| (path.rsplit('/').next().unwrap_or(path), path)).collect()
});

/// SAM's policy templates: what parameters each has, and its document.
static TEMPLATES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../data/policy-templates.json")).expect("the file is a map in JSON")
});

/// A role on its way.
pub(super) struct Role {
    id: String,
    trust: Value,
    managed: Vec<Value>,
    policies: Vec<Value>,
}

/// The document by which a service may take a role.
pub(super) fn trust(service: &str) -> Value {
    let statement =
        json!({ "Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": { "Service": [service] } });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// A managed policy's ARN by its path.
pub(super) fn managed_arn(path: &str) -> Value {
    Value::from(format!("arn:aws:iam::aws:policy/{path}"))
}

impl Role {
    pub(super) fn new(id: &str, trust: Value) -> Self {
        Self { id: id.to_owned(), trust, managed: Vec::new(), policies: Vec::new() }
    }

    /// Adds a managed policy, unless it is there.
    pub(super) fn attach(&mut self, policy: Value) {
        if !self.managed.contains(&policy) {
            self.managed.push(policy);
        }
    }

    /// Adds an inline policy.
    pub(super) fn allow(&mut self, name: &str, document: &Value) {
        self.policies.push(json!({ "PolicyName": name, "PolicyDocument": document }));
    }

    /// Adds an inline policy, unless one with the same document is there.
    pub(super) fn allow_once(&mut self, name: &str, document: &Value) {
        if !self.policies.iter().any(|policy| policy.get("PolicyDocument") == Some(document)) {
            self.allow(name, document);
        }
    }

    /// Adds the policies of a serverless resource.
    pub(super) fn add(&mut self, policies: Option<&Value>, place: &str, refusals: &mut Refusals) {
        let listed = match policies {
            Some(Value::Array(listed)) => listed.clone(),
            Some(one) if is_said(one) => vec![one.clone()],
            _ => return,
        };
        for (at, policy) in listed.into_iter().enumerate() {
            let name = format!("{}Policy{at}", self.id);
            let place = format!("{place}.{at}");
            match policy {
                Value::String(name) => self.attach(by_name(&name)),
                Value::Object(ref map) if map.contains_key("Fn::If") => {
                    let (converted, is_managed) = choice(policy, &name, &place, refusals);
                    match is_managed {
                        true => self.attach(converted),
                        false => self.policies.push(converted),
                    }
                }
                ref function if is_intrinsic(function) => self.attach(policy),
                Value::Object(_) => {
                    let document = document(policy, &place, refusals);
                    self.policies.push(json!({ "PolicyName": name, "PolicyDocument": document }));
                }
                _ => refusals.add(place, "a policy is a name, a document, or a policy template"),
            }
        }
    }

    /// The role's properties.
    pub(super) fn properties(self) -> Map<String, Value> {
        let mut properties = Map::new();
        properties.insert("AssumeRolePolicyDocument".to_owned(), self.trust);
        properties.insert("ManagedPolicyArns".to_owned(), Value::Array(self.managed));
        if !self.policies.is_empty() {
            properties.insert("Policies".to_owned(), Value::Array(self.policies));
        }
        properties
    }
}

fn by_name(name: &str) -> Value {
    MANAGED.get(name).map_or_else(|| Value::from(name), |path| managed_arn(path))
}

/// One of two by a condition; whether they are managed policies.
fn choice(policy: Value, name: &str, place: &str, refusals: &mut Refusals) -> (Value, bool) {
    let parts = policy.get("Fn::If").and_then(Value::as_array).cloned().unwrap_or_default();
    let [condition, one, other] = parts.as_slice() else {
        refusals.add(place, "Fn::If takes a condition and two values");
        return (policy, true);
    };
    let is_nothing = |value: &Value| *value == json!({ "Ref": "AWS::NoValue" });
    let is_document = |value: &Value| value.is_object() && !is_intrinsic(value);
    let is_managed = !is_document(one) && !is_document(other);
    let mut convert = |value: &Value| match value {
        value if is_nothing(value) => value.clone(),
        Value::String(text) if is_managed => by_name(text),
        value if is_managed => value.clone(),
        value => {
            let document = document(value.clone(), place, refusals);
            json!({ "PolicyName": name, "PolicyDocument": document })
        }
    };
    let (one, other) = (convert(one), convert(other));
    (json!({ "Fn::If": [condition, one, other] }), is_managed)
}

/// A document as it is, or that of a policy template with its parameters.
fn document(policy: Value, place: &str, refusals: &mut Refusals) -> Value {
    let Some(map) = policy.as_object().filter(|map| !map.contains_key("Statement")) else { return policy };
    let mut pairs = map.iter();
    let (Some((name, given)), None) = (pairs.next(), pairs.next()) else {
        refusals
            .add(place, "a policy has a Statement, or is the name of a policy template and its parameters");
        return policy;
    };
    let Some(template) = TEMPLATES.get(name) else {
        refusals.add(place, format!("SAM has no policy template of the name {name}"));
        return policy;
    };
    let wanted = template.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let wanted: Vec<&str> = wanted.filter_map(Value::as_str).collect();
    if let Some(missing) = wanted.iter().find(|name| given.get(name).is_none()) {
        refusals.add(place, format!("the policy template {name} wants the parameter {missing}"));
    }
    let definition = template.get("Definition").cloned().unwrap_or_default();
    filled(definition, &wanted, given)
}

/// A template's document with its parameters' values; what those refer to themselves stays.
fn filled(value: Value, wanted: &[&str], given: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let parameter = map.get("Ref").and_then(Value::as_str).filter(|name| wanted.contains(name));
            if let Some(found) = parameter.and_then(|name| given.get(name)) {
                return found.clone();
            }
            map.into_iter().map(|(key, value)| (key, filled(value, wanted, given))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| filled(item, wanted, given)).collect(),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_of_every_form_are_what_they_stand_for() {
        let mut role = Role::new("FRole", trust("lambda.amazonaws.com"));
        let given = json!([
            "AWSLambdaRole",
            {"SQSSendMessagePolicy": {"QueueName": {"Ref": "QueueName"}}},
            {"Statement": []},
            {"Fn::If": ["C", "AmazonS3ReadOnlyAccess", {"Ref": "AWS::NoValue"}]},
        ]);
        let mut refusals = Refusals::default();
        role.add(Some(&given), "here", &mut refusals);
        assert_eq!(refusals.0, []);
        let made = Value::Object(role.properties());
        assert_eq!(made["ManagedPolicyArns"][0], "arn:aws:iam::aws:policy/service-role/AWSLambdaRole");
        assert_eq!(
            made["ManagedPolicyArns"][1]["Fn::If"][1],
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        );
        let resource = &made["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"];
        assert_eq!(resource["Fn::Sub"][1], json!({"queueName": {"Ref": "QueueName"}}));
        assert_eq!(made["Policies"][1]["PolicyName"], "FRolePolicy2");
    }

    #[test]
    fn unknown_templates_and_missing_parameters_are_refused() {
        let mut role = Role::new("FRole", trust("lambda.amazonaws.com"));
        let mut refusals = Refusals::default();
        let given = json!([{"NoSuchPolicy": {}}, {"SQSPollerPolicy": {}}, 3]);
        role.add(Some(&given), "here", &mut refusals);
        let places: Vec<&str> = refusals.0.iter().map(|refusal| refusal.place.as_str()).collect();
        assert_eq!(places, ["here.0", "here.1", "here.2"]);
    }
}
