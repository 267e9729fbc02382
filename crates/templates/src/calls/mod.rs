//! Resource types: which properties each has, which calls make it, what it gives.

mod bucket;
mod capacity_provider;
mod event_source_mapping;
mod fields;
mod function;
mod function_url;
mod gateway;
mod gateway_v1;
mod gateway_v2;
mod http_api;
mod layer_version;
mod log_group;
mod method;
mod permission;
mod queue;
mod reply;
mod rest_api;
mod role;
mod rule;
mod stage;
mod state_machine;
mod state_machine_alias;
mod topic;
mod version;

use serde_json::{Map, Value};

use crate::{Known, Refusals, plan::Resource};
pub(crate) use function::PROPERTIES as OF_FUNCTION;
pub use reply::Reply;
pub(crate) use reply::reply;

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
    /// A folder or a zip beside the template, packed as it is.
    Archive {
        /// As the template names it.
        path: String,
    },
    /// A single file's text.
    Inline {
        /// The text.
        text: String,
        /// E.g. `index.py`.
        file: String,
    },
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
        "AWS::Events::EventBus" => rule::EVENT_BUS,
        "AWS::Events::Rule" => rule::PROPERTIES,
        "AWS::IAM::Policy" => role::POLICY,
        "AWS::IAM::Role" => role::PROPERTIES,
        "AWS::Lambda::Alias" => version::ALIAS,
        "AWS::Lambda::CapacityProvider" => capacity_provider::PROPERTIES,
        "AWS::Lambda::CodeSigningConfig" => capacity_provider::CODE_SIGNING,
        "AWS::Lambda::EventInvokeConfig" => function_url::EVENT_INVOKE_CONFIG,
        "AWS::Lambda::EventSourceMapping" => event_source_mapping::PROPERTIES,
        "AWS::Lambda::Function" => function::PROPERTIES,
        "AWS::Lambda::LayerVersion" => layer_version::PROPERTIES,
        "AWS::Lambda::LayerVersionPermission" => permission::OF_LAYER,
        "AWS::Lambda::Permission" => permission::PROPERTIES,
        "AWS::Lambda::Url" => function_url::PROPERTIES,
        "AWS::Lambda::Version" => version::PROPERTIES,
        "AWS::Logs::LogGroup" => log_group::PROPERTIES,
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => RECORDS,
        "AWS::S3::Bucket" => bucket::PROPERTIES,
        "AWS::SNS::Subscription" => topic::SUBSCRIPTION,
        "AWS::SNS::Topic" => topic::PROPERTIES,
        "AWS::SQS::Queue" => queue::PROPERTIES,
        "AWS::SQS::QueuePolicy" => queue::POLICY,
        "AWS::StepFunctions::Activity" => state_machine_alias::ACTIVITY,
        "AWS::StepFunctions::StateMachine" => state_machine::PROPERTIES,
        "AWS::StepFunctions::StateMachineAlias" => state_machine_alias::ALIAS,
        "AWS::StepFunctions::StateMachineVersion" => state_machine_alias::VERSION,
        _ => return None,
    })
}

/// Properties of records of Route 53, which nobody serves here.
const RECORDS: &[&str] = &[
    "AliasTarget",
    "Comment",
    "EvaluateTargetHealth",
    "HostedZoneId",
    "HostedZoneName",
    "Name",
    "RecordSets",
    "Region",
    "ResourceRecords",
    "SetIdentifier",
    "TTL",
    "Type",
    "Weight",
];

/// What is made without an effect on this machine, and is to be told.
pub(crate) fn notice(resource: &Resource) -> Option<&'static str> {
    match resource.kind.as_str() {
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => {
            Some("Tule serves no names: these records are left out; ask for the domain by its Host header")
        }
        _ => None,
    }
}

/// A function's name or ARN without its qualifier, and that: `arn:…:function:name:alias`, `name:alias`.
fn qualified(function: &str) -> (&str, Option<&str>) {
    let parts = function.split(':').count();
    match function.rsplit_once(':') {
        Some((function, qualifier)) if parts == 2 || parts == 8 => (function, Some(qualifier)),
        _ => (function, None),
    }
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
        "AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api" => rest_api::read_body(resource, read),
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
        "AWS::Events::EventBus" => Ok(rule::event_bus(resource)),
        "AWS::Events::Rule" => Ok(rule::calls(resource)),
        "AWS::IAM::Policy" => Ok(role::policy(resource)),
        "AWS::IAM::Role" => Ok(role::calls(resource)),
        "AWS::Lambda::Alias" => version::alias(resource),
        "AWS::Lambda::CapacityProvider" => Ok(capacity_provider::calls(resource)),
        "AWS::Lambda::CodeSigningConfig" => Ok(capacity_provider::code_signing(resource)),
        "AWS::Lambda::EventInvokeConfig" => Ok(function_url::event_invoke_config(resource)),
        "AWS::Lambda::EventSourceMapping" => Ok(event_source_mapping::calls(resource)),
        "AWS::Lambda::Function" => function::calls(resource),
        "AWS::Lambda::LayerVersion" => layer_version::calls(resource),
        "AWS::Lambda::LayerVersionPermission" => Ok(permission::of_layer(resource)),
        "AWS::Lambda::Permission" => Ok(permission::calls(resource)),
        "AWS::Lambda::Url" => Ok(function_url::calls(resource)),
        "AWS::Lambda::Version" => version::calls(resource),
        "AWS::Logs::LogGroup" => Ok(log_group::calls(resource)),
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => Ok(Vec::new()),
        "AWS::S3::Bucket" => Ok(bucket::calls(resource, known)),
        "AWS::SNS::Subscription" => Ok(topic::subscription(resource)),
        "AWS::SNS::Topic" => Ok(topic::calls(resource)),
        "AWS::SQS::Queue" => Ok(queue::calls(resource)),
        "AWS::SQS::QueuePolicy" => Ok(queue::policy(resource)),
        "AWS::StepFunctions::Activity" => Ok(state_machine_alias::activity(resource)),
        "AWS::StepFunctions::StateMachine" => state_machine::calls(resource, known),
        "AWS::StepFunctions::StateMachineAlias" => state_machine_alias::alias(resource),
        "AWS::StepFunctions::StateMachineVersion" => Ok(state_machine_alias::version(resource)),
        other => Err(Refusals::one(resource.id, format!("Tule does not make resources of type {other} yet"))),
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
