//! Resource types: which properties each has, which calls make it, what it gives.

mod bucket;
mod event_source_mapping;
mod fields;
mod function;
mod gateway;
mod gateway_v1;
mod gateway_v2;
mod http_api;
mod log_group;
mod method;
mod queue;
mod rest_api;
mod role;
mod stage;
mod state_machine;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Known, Refusals, plan::Resource};

/// One call of our own API.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The service's model, e.g. `lambda`.
    pub service: &'static str,
    /// E.g. `CreateFunction`.
    pub operation: &'static str,
    /// The members. `{"$saved": "x"}` anywhere in them stands for what an earlier call saved as `x`.
    pub members: Value,
    /// The payload, for operations whose input has one beside its members.
    pub body: Option<String>,
    /// A package that the caller makes and puts into the members.
    pub code: Option<Code>,
    /// What to keep of the answer: a name, and the JSON pointer to it.
    pub save: Vec<(String, &'static str)>,
    /// What to do instead where the call is refused with one of these codes.
    pub otherwise: Vec<(&'static str, Vec<Call>)>,
}

/// Code to be packaged as a zip and put into the members as base64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A folder or a zip beside the template.
    Path {
        /// As the template names it.
        path: String,
        /// E.g. `python3.12`: tells which packages are installed.
        runtime: String,
    },
    /// A single file's text.
    Inline {
        /// The text.
        text: String,
        /// E.g. `index.py`.
        file: String,
    },
}

/// What a resource gives once it is made.
pub struct Reply {
    pub(crate) reference: Value,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// A resource with its resolved properties.
#[derive(Clone, Copy)]
pub(crate) struct Named<'s> {
    pub(crate) id: &'s str,
    pub(crate) kind: &'s str,
    pub(crate) stack: &'s str,
    pub(crate) properties: &'s Value,
}

impl Call {
    fn new(service: &'static str, operation: &'static str, members: Value) -> Self {
        Self { service, operation, members, body: None, code: None, save: Vec::new(), otherwise: Vec::new() }
    }

    fn with_body(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    fn saving(mut self, save: &[(&str, &'static str)]) -> Self {
        self.save = save.iter().map(|(name, pointer)| ((*name).to_owned(), *pointer)).collect();
        self
    }

    fn or_if(mut self, code: &'static str, instead: Vec<Call>) -> Self {
        self.otherwise.push((code, instead));
        self
    }
}

/// `{"$saved": name}`.
fn saved(name: &str) -> Value {
    Value::Object([("$saved".to_owned(), Value::from(name))].into_iter().collect())
}

impl Named<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.properties.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The name given, or one made of the stack's and the logical id, as CloudFormation makes them (without the random
    /// tail: on one's own machine the same template should make the same names).
    fn name(&self, property: &str) -> String {
        self.text(property).map_or_else(|| format!("{}-{}", self.stack, self.id), str::to_owned)
    }

    /// Members of the same names as the properties.
    fn members(&self, names: &[&str]) -> Map<String, Value> {
        let named = names.iter().filter_map(|name| Some(((*name).to_owned(), self.get(name)?.clone())));
        named.collect()
    }

    /// An API's id: ten characters, the same for the same stack and logical id.
    fn api_id(&self) -> String {
        const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        let mut state = 0xCBF2_9CE4_8422_2325_u64;
        for byte in self.stack.bytes().chain([0]).chain(self.id.bytes()) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        let digit = |state: &mut u64| {
            let index = usize::try_from(*state % 36).unwrap_or_default();
            *state /= 36;
            char::from(DIGITS[index])
        };
        (0..10).map(|_| digit(&mut state)).collect()
    }
}

/// The properties that a resource type may have, or `None` if Tule does not make such resources.
fn properties(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "AWS::ApiGateway::Account" => &["CloudWatchRoleArn"],
        "AWS::ApiGateway::Deployment" => stage::DEPLOYMENT,
        "AWS::ApiGateway::Method" => method::PROPERTIES,
        "AWS::ApiGateway::RestApi" => rest_api::PROPERTIES,
        "AWS::ApiGateway::Stage" => stage::PROPERTIES,
        "AWS::ApiGatewayV2::Api" => http_api::PROPERTIES,
        "AWS::CDK::Metadata" => &["Analytics"],
        "AWS::IAM::Policy" => role::POLICY,
        "AWS::IAM::Role" => role::PROPERTIES,
        "AWS::Lambda::EventSourceMapping" => event_source_mapping::PROPERTIES,
        "AWS::Lambda::Function" => function::PROPERTIES,
        "AWS::Lambda::Permission" => function::PERMISSION,
        "AWS::Logs::LogGroup" => log_group::PROPERTIES,
        "AWS::S3::Bucket" => bucket::PROPERTIES,
        "AWS::SQS::Queue" => queue::PROPERTIES,
        "AWS::StepFunctions::StateMachine" => state_machine::PROPERTIES,
        _ => return None,
    })
}

/// Refuses types and properties that Tule does not have, by name.
pub(crate) fn check(resource: &Resource, refusals: &mut Refusals) {
    let gateway = gateway::find(&resource.kind).map(gateway::properties);
    let Some(known) = gateway.or_else(|| properties(&resource.kind).map(<[_]>::to_vec)) else {
        let text = format!("Tule does not make resources of type {} from templates yet", resource.kind);
        refusals.add(format!("Resources.{}", resource.id), text);
        return;
    };
    for name in resource.properties.keys().filter(|name| !known.contains(&name.as_str())) {
        let place = format!("Resources.{}.Properties.{name}", resource.id);
        refusals.add(place, format!("Tule does not apply this property of {} yet", resource.kind));
    }
}

/// Puts the text of files that a resource names into its properties.
pub(crate) fn read_files(
    resource: &mut Resource,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), Refusals> {
    match resource.kind.as_str() {
        "AWS::ApiGateway::RestApi" => rest_api::read_body(resource, read),
        "AWS::StepFunctions::StateMachine" => state_machine::read_definition(resource, read),
        _ => Ok(()),
    }
}

/// The calls that make a resource.
pub(crate) fn calls(resource: Named<'_>, known: &Known) -> Result<Vec<Call>, Refusals> {
    if let Some(kind) = gateway::find(resource.kind) {
        return gateway::calls(kind, resource);
    }
    match resource.kind {
        "AWS::ApiGateway::Account" => Ok(rest_api::account(resource)),
        "AWS::ApiGateway::Deployment" => stage::deployment(resource),
        "AWS::ApiGateway::Method" => method::calls(resource),
        "AWS::ApiGateway::RestApi" => rest_api::calls(resource),
        "AWS::ApiGateway::Stage" => stage::calls(resource),
        "AWS::ApiGatewayV2::Api" => http_api::calls(resource),
        // It says which constructs a template was made of, for AWS's statistics, and makes nothing there either.
        "AWS::CDK::Metadata" => Ok(Vec::new()),
        "AWS::IAM::Policy" => Ok(role::policy(resource)),
        "AWS::IAM::Role" => Ok(role::calls(resource)),
        "AWS::Lambda::EventSourceMapping" => Ok(event_source_mapping::calls(resource)),
        "AWS::Lambda::Function" => function::calls(resource),
        "AWS::Lambda::Permission" => Ok(function::permission(resource)),
        "AWS::Logs::LogGroup" => Ok(log_group::calls(resource)),
        "AWS::S3::Bucket" => Ok(bucket::calls(resource, known)),
        "AWS::SQS::Queue" => Ok(queue::calls(resource)),
        "AWS::StepFunctions::StateMachine" => state_machine::calls(resource, known),
        other => Err(Refusals::one(resource.id, format!("Tule does not make resources of type {other} yet"))),
    }
}

/// What a resource gives, once its calls are made.
pub(crate) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Reply {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    if let Some(kind) = gateway::find(resource.kind) {
        return gateway::reply(kind, resource, saved);
    }
    match resource.kind {
        "AWS::ApiGateway::RestApi" => Reply {
            reference: value("id"),
            attributes: vec![("RestApiId", value("id")), ("RootResourceId", value("root"))],
        },
        "AWS::ApiGateway::Deployment" => {
            Reply { reference: value("id"), attributes: vec![("DeploymentId", value("id"))] }
        }
        "AWS::ApiGateway::Stage" => Reply {
            reference: resource.get("StageName").cloned().unwrap_or_default(),
            attributes: Vec::new(),
        },
        "AWS::ApiGatewayV2::Api" => Reply {
            reference: value("id"),
            attributes: vec![("ApiId", value("id")), ("ApiEndpoint", value("endpoint"))],
        },
        "AWS::IAM::Role" => Reply {
            reference: Value::from(resource.name("RoleName")),
            attributes: vec![("Arn", value("arn")), ("RoleId", value("id"))],
        },
        "AWS::Lambda::EventSourceMapping" => {
            Reply { reference: value("id"), attributes: vec![("Id", value("id"))] }
        }
        "AWS::Lambda::Function" => Reply {
            reference: Value::from(resource.name("FunctionName")),
            attributes: vec![("Arn", value("arn"))],
        },
        "AWS::Logs::LogGroup" => log_group::reply(resource, known),
        "AWS::S3::Bucket" => bucket::reply(resource, known),
        "AWS::SQS::Queue" => queue::reply(resource, saved, known),
        "AWS::StepFunctions::StateMachine" => {
            let arn = Value::from(state_machine::arn(resource, known));
            let name = Value::from(resource.name("StateMachineName"));
            Reply { reference: arn.clone(), attributes: vec![("Arn", arn), ("Name", name)] }
        }
        _ => Reply { reference: Value::from(resource.id), attributes: Vec::new() },
    }
}

/// A pseudo parameter's text.
fn pseudo<'k>(known: &'k Known, name: &str) -> &'k str {
    known.values.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// CloudFormation's list of tags as a map.
fn tag_map(tags: Option<&Value>) -> Map<String, Value> {
    let tags = tags.and_then(Value::as_array).into_iter().flatten();
    let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.clone()));
    tags.filter_map(pair).collect()
}
