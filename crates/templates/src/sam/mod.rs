//! The SAM transform (`AWS::Serverless-2016-10-31`): serverless resources into CloudFormation's own, under the logical
//! ids that the real transform gives, because templates refer to them.

mod api;
mod event_source;
mod function;
mod globals;
mod rest_api;
mod state_machine;

use serde_json::{Map, Value, json};

use crate::Refusals;
use api::Apis;

/// Replaces every `AWS::Serverless::…` resource. What cannot be transformed is left out and complained about.
pub(crate) fn transform(
    resources: Map<String, Value>,
    globals: Option<&Map<String, Value>>,
) -> (Map<String, Value>, Refusals) {
    let mut work = Work { made: Map::new(), apis: Apis::new(globals), refusals: Refusals::default() };
    globals::check(globals, &mut work.refusals);
    for (id, resource) in &resources {
        if let Some(kind) = api::kind_of(resource) {
            work.apis.declare(id, kind, serverless(id, resource, globals, &mut work.refusals));
        }
    }
    for (id, resource) in resources {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
        match kind.as_str() {
            "AWS::Serverless::Function" => {
                let found = serverless(&id, &resource, globals, &mut work.refusals);
                function::transform(&id, &found, &mut work);
            }
            "AWS::Serverless::StateMachine" => {
                let found = serverless(&id, &resource, globals, &mut work.refusals);
                state_machine::transform(&id, &found, &mut work);
            }
            "AWS::Serverless::Api" | "AWS::Serverless::HttpApi" => {}
            other if other.starts_with("AWS::Serverless::") => {
                let text = format!("Tule does not transform resources of type {other} yet");
                work.refusals.add(format!("Resources.{id}"), text);
            }
            _ => drop(work.made.insert(id, resource)),
        }
    }
    let Work { mut made, apis, mut refusals } = work;
    apis.make(&mut made, &mut refusals);
    (made, refusals)
}

/// The transform under way.
struct Work<'g> {
    made: Map<String, Value>,
    apis: Apis<'g>,
    refusals: Refusals,
}

/// A serverless resource: its properties with the globals in them, and what stands beside them.
struct Serverless {
    properties: Map<String, Value>,
    beside: Map<String, Value>,
}

fn serverless(
    id: &str,
    resource: &Value,
    globals: Option<&Map<String, Value>>,
    refusals: &mut Refusals,
) -> Serverless {
    let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
    let own = match resource.get("Properties") {
        None => Map::new(),
        Some(Value::Object(own)) => own.clone(),
        Some(_) => {
            refusals.add(format!("Resources.{id}.Properties"), "properties are a map");
            Map::new()
        }
    };
    let mut beside = resource.as_object().cloned().unwrap_or_default();
    beside.remove("Properties");
    beside.remove("Type");
    Serverless { properties: globals::merged(globals, kind, own), beside }
}

impl Serverless {
    fn check(&self, id: &str, known: &[&str], kind: &str, refusals: &mut Refusals) {
        for name in self.properties.keys().filter(|name| !known.contains(&name.as_str())) {
            let place = format!("Resources.{id}.Properties.{name}");
            refusals.add(place, format!("Tule does not apply this property of {kind} yet"));
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }
}

impl Work<'_> {
    /// Adds a resource; what stood beside the serverless one stands beside it.
    fn add(&mut self, id: &str, kind: &str, properties: Map<String, Value>, beside: &Map<String, Value>) {
        let mut resource = beside.clone();
        resource.insert("Type".to_owned(), Value::from(kind));
        resource.insert("Properties".to_owned(), Value::Object(properties));
        self.made.insert(id.to_owned(), Value::Object(resource));
    }
}

/// A role that a service may assume, with the policies a serverless resource asks for.
fn role(service: &str, managed: &[&str], policies: Option<&Value>, role_name: &str) -> Map<String, Value> {
    let statement =
        json!({ "Effect": "Allow", "Principal": { "Service": [service] }, "Action": ["sts:AssumeRole"] });
    let mut inline = Vec::new();
    let mut arns: Vec<Value> = managed.iter().map(|arn| Value::from(*arn)).collect();
    let listed = match policies {
        Some(Value::Array(listed)) => listed.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    for policy in listed {
        match policy {
            Value::String(name) if name.starts_with("arn:") => arns.push(Value::from(name)),
            Value::String(name) => arns.push(Value::from(format!("arn:aws:iam::aws:policy/{name}"))),
            // Policies are kept and shown, not evaluated: a policy template is kept under its own name.
            document => inline.push(json!({
                "PolicyName": format!("{role_name}Policy{}", inline.len()), "PolicyDocument": document
            })),
        }
    }
    let mut role = Map::new();
    role.insert(
        "AssumeRolePolicyDocument".to_owned(),
        json!({ "Version": "2012-10-17", "Statement": [statement] }),
    );
    role.insert("ManagedPolicyArns".to_owned(), Value::Array(arns));
    if !inline.is_empty() {
        role.insert("Policies".to_owned(), Value::Array(inline));
    }
    role
}
