//! Resource types: which properties each has, which calls make it, what it gives.

mod bucket;
mod call;
mod capacity_provider;
mod code_signing_config;
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
mod network;
mod parameter;
mod permission;
mod queue;
mod reply;
mod rest_api;
mod role;
mod rule;
mod secret;
mod stage;
mod state_machine;
mod state_machine_alias;
mod stream;
mod table;
mod table_change;
mod topic;
mod version;

use serde_json::{Map, Value};

use crate::{Known, Refusals, plan::Resource};
pub use call::{Call, Code, Follow};
pub(crate) use function::PROPERTIES as OF_FUNCTION;
pub use reply::Reply;
pub(crate) use reply::reply;

/// A resource with its resolved properties.
#[derive(Clone, Copy)]
pub(crate) struct Named<'s> {
    pub(crate) id: &'s str,
    pub(crate) kind: &'s str,
    pub(crate) stack: &'s str,
    pub(crate) properties: &'s Value,
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
        "AWS::DynamoDB::Table" => table::PROPERTIES,
        "AWS::EC2::SecurityGroup" => network::GROUP,
        "AWS::EC2::SecurityGroupEgress" => network::EGRESS,
        "AWS::EC2::SecurityGroupIngress" => network::INGRESS,
        "AWS::EC2::Subnet" => network::SUBNET,
        "AWS::EC2::VPC" => network::VPC,
        "AWS::Events::EventBus" => rule::EVENT_BUS,
        "AWS::Events::Rule" => rule::PROPERTIES,
        "AWS::IAM::Policy" => role::POLICY,
        "AWS::IAM::Role" => role::PROPERTIES,
        "AWS::Kinesis::Stream" => stream::PROPERTIES,
        "AWS::Lambda::Alias" => version::ALIAS,
        "AWS::Lambda::CapacityProvider" => capacity_provider::PROPERTIES,
        "AWS::Lambda::CodeSigningConfig" => code_signing_config::PROPERTIES,
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
        "AWS::S3::BucketPolicy" => bucket::POLICY,
        "AWS::SNS::Subscription" => topic::SUBSCRIPTION,
        "AWS::SNS::Topic" => topic::PROPERTIES,
        "AWS::SNS::TopicPolicy" => topic::POLICY,
        "AWS::SQS::Queue" => queue::PROPERTIES,
        "AWS::SQS::QueuePolicy" => queue::POLICY,
        "AWS::SSM::Parameter" => parameter::PROPERTIES,
        "AWS::SecretsManager::Secret" => secret::PROPERTIES,
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

/// What is made without an effect on this machine, and is to be told: where, and why.
pub(crate) fn notices(resource: &Resource) -> Vec<(String, &'static str)> {
    let place = format!("Resources.{}", resource.id);
    match resource.kind.as_str() {
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => {
            vec![(
                place,
                "Tule serves no names: these records are left out; ask for the domain by its Host header",
            )]
        }
        "AWS::S3::BucketPolicy" => {
            vec![(place, "who may use a bucket is not decided here: its policy is left out")]
        }
        "AWS::S3::Bucket" => {
            let given = bucket::UNFELT.iter().filter(|(name, _)| resource.properties.contains_key(*name));
            given.map(|(name, why)| (format!("{place}.Properties.{name}"), *why)).collect()
        }
        _ => Vec::new(),
    }
}

/// The service that makes resources of this type, and its name, if Tule has none of its own and another endpoint must
/// serve it.
fn elsewhere(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "AWS::DynamoDB::Table" => ("dynamodb", "DynamoDB"),
        "AWS::Kinesis::Stream" => ("kinesis", "Kinesis"),
        "AWS::SSM::Parameter" => ("ssm", "Systems Manager"),
        _ => return None,
    })
}

/// A function's name or ARN without its qualifier, and that: `arn:…:function:name:alias`, `name:alias`.
fn qualified(function: &str) -> (&str, Option<&str>) {
    let parts = function.split(':').count();
    match function.rsplit_once(':') {
        Some((function, qualifier)) if parts == 2 || parts == 8 => (function, Some(qualifier)),
        _ => (function, None),
    }
}

/// Refuses types and properties that Tule does not have, by name, and types of services that no other endpoint serves.
pub(crate) fn check(
    resource: &Resource,
    known: &Known,
    delegated: &dyn Fn(&str) -> bool,
    refusals: &mut Refusals,
) {
    let gateway = gateway::find(&resource.kind).map(gateway::properties);
    let Some(names) = gateway.or_else(|| properties(&resource.kind).map(<[_]>::to_vec)) else {
        let text = format!("Tule does not make resources of type {} from templates yet", resource.kind);
        refusals.add(format!("Resources.{}", resource.id), text);
        return;
    };
    if let Some((service, title)) = elsewhere(&resource.kind).filter(|(service, _)| !delegated(service)) {
        let text = format!(
            "Tule has no {title} of its own: name an endpoint that has, with --delegate {service}=URL"
        );
        refusals.add(format!("Resources.{}", resource.id), text);
    }
    if resource.kind == "AWS::S3::Bucket" {
        bucket::check(resource, known, refusals);
    }
    for name in resource.properties.keys().filter(|name| !names.contains(&name.as_str())) {
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
        "AWS::DynamoDB::Table" => table::calls(resource),
        "AWS::EC2::SecurityGroup" => network::group(resource),
        "AWS::EC2::SecurityGroupEgress" | "AWS::EC2::SecurityGroupIngress" => network::rule(resource),
        "AWS::EC2::Subnet" => network::subnet(resource),
        "AWS::EC2::VPC" => network::vpc(resource),
        "AWS::Events::EventBus" => Ok(rule::event_bus(resource)),
        "AWS::Events::Rule" => Ok(rule::calls(resource)),
        "AWS::IAM::Policy" => Ok(role::policy(resource)),
        "AWS::IAM::Role" => Ok(role::calls(resource)),
        "AWS::Kinesis::Stream" => stream::calls(resource),
        "AWS::Lambda::Alias" => version::alias(resource),
        "AWS::Lambda::CapacityProvider" => Ok(capacity_provider::calls(resource)),
        "AWS::Lambda::CodeSigningConfig" => Ok(code_signing_config::calls(resource, known)),
        "AWS::Lambda::EventInvokeConfig" => Ok(function_url::event_invoke_config(resource)),
        "AWS::Lambda::EventSourceMapping" => Ok(event_source_mapping::calls(resource)),
        "AWS::Lambda::Function" => function::calls(resource),
        "AWS::Lambda::LayerVersion" => layer_version::calls(resource),
        "AWS::Lambda::LayerVersionPermission" => Ok(permission::of_layer(resource)),
        "AWS::Lambda::Permission" => Ok(permission::calls(resource)),
        "AWS::Lambda::Url" => Ok(function_url::calls(resource)),
        "AWS::Lambda::Version" => version::calls(resource),
        "AWS::Logs::LogGroup" => Ok(log_group::calls(resource)),
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" | "AWS::S3::BucketPolicy" => {
            Ok(Vec::new())
        }
        "AWS::S3::Bucket" => bucket::calls(resource, known),
        "AWS::SNS::Subscription" => Ok(topic::subscription(resource)),
        "AWS::SNS::Topic" => Ok(topic::calls(resource)),
        "AWS::SNS::TopicPolicy" => Ok(topic::policy(resource)),
        "AWS::SQS::Queue" => Ok(queue::calls(resource)),
        "AWS::SQS::QueuePolicy" => Ok(queue::policy(resource)),
        "AWS::SSM::Parameter" => parameter::calls(resource),
        "AWS::SecretsManager::Secret" => secret::calls(resource),
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

/// CloudFormation's list of tags with texts as values, as most services take it.
fn tag_list(tags: Option<&Value>) -> Vec<Value> {
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pair = |(key, value): (String, Value)| serde_json::json!({ "Key": key, "Value": text(value) });
    tag_map(tags).into_iter().map(pair).collect()
}

/// CloudFormation's list of tags as a map.
fn tag_map(tags: Option<&Value>) -> Map<String, Value> {
    let tags = tags.and_then(Value::as_array).into_iter().flatten();
    let pair = |tag: &Value| Some((tag.get("Key")?.as_str()?.to_owned(), tag.get("Value")?.clone()));
    tags.filter_map(pair).collect()
}
