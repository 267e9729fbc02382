//! What a resource gives once it is made: what `Ref` and `Fn::GetAtt` say of it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Named, bucket, gateway, log_group, network, parameter, queue, state_machine, state_machine_alias, table,
    topic,
};
use crate::Known;

/// What a resource gives once it is made.
pub struct Reply {
    pub(crate) reference: Value,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// What a resource gives, once its calls are made.
pub(crate) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Reply {
    if let Some(kind) = gateway::find(resource.kind) {
        return gateway::reply(kind, resource, saved);
    }
    of_gateway(resource, saved)
        .or_else(|| of_lambda(resource, saved))
        .or_else(|| of_states(resource, saved, known))
        .or_else(|| of_others(resource, saved, known))
        .unwrap_or_else(|| Reply { reference: Value::from(resource.id), attributes: Vec::new() })
}

/// API Gateway, but for what its tables say.
fn of_gateway(resource: Named<'_>, saved: &BTreeMap<String, Value>) -> Option<Reply> {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    Some(match resource.kind {
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
        _ => return None,
    })
}

/// Lambda.
fn of_lambda(resource: Named<'_>, saved: &BTreeMap<String, Value>) -> Option<Reply> {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    Some(match resource.kind {
        "AWS::Lambda::Alias" => {
            Reply { reference: value("reference"), attributes: vec![("AliasArn", value("reference"))] }
        }
        "AWS::Lambda::CapacityProvider" => Reply {
            reference: Value::from(resource.name("CapacityProviderName")),
            attributes: vec![("Arn", value("arn"))],
        },
        "AWS::Lambda::CodeSigningConfig" => Reply {
            reference: value("arn"),
            attributes: vec![("CodeSigningConfigArn", value("arn")), ("CodeSigningConfigId", value("id"))],
        },
        "AWS::Lambda::LayerVersion" => {
            Reply { reference: value("reference"), attributes: vec![("LayerVersionArn", value("reference"))] }
        }
        "AWS::Lambda::Url" => Reply {
            reference: value("reference"),
            attributes: vec![("FunctionArn", value("reference")), ("FunctionUrl", value("url"))],
        },
        "AWS::Lambda::Version" => Reply {
            reference: value("reference"),
            attributes: vec![("FunctionArn", value("reference")), ("Version", value("version"))],
        },
        "AWS::Lambda::EventSourceMapping" => {
            Reply { reference: value("id"), attributes: vec![("Id", value("id"))] }
        }
        "AWS::Lambda::Function" => Reply {
            reference: Value::from(resource.name("FunctionName")),
            attributes: vec![("Arn", value("arn"))],
        },
        _ => return None,
    })
}

/// Step Functions.
fn of_states(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Option<Reply> {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    Some(match resource.kind {
        "AWS::StepFunctions::Activity" => {
            let arn = Value::from(state_machine_alias::activity_arn(resource, known));
            let name = Value::from(resource.name("Name"));
            Reply { reference: arn.clone(), attributes: vec![("Arn", arn), ("Name", name)] }
        }
        "AWS::StepFunctions::StateMachineAlias" => {
            let arn = Value::from(state_machine_alias::alias_arn(resource));
            Reply { reference: arn.clone(), attributes: vec![("Arn", arn)] }
        }
        "AWS::StepFunctions::StateMachineVersion" => {
            Reply { reference: value("reference"), attributes: vec![("Arn", value("reference"))] }
        }
        "AWS::StepFunctions::StateMachine" => {
            let arn = Value::from(state_machine::arn(resource, known));
            let name = Value::from(resource.name("StateMachineName"));
            let attributes =
                vec![("Arn", arn.clone()), ("Name", name), ("StateMachineRevisionId", value("revision"))];
            Reply { reference: arn, attributes }
        }
        _ => return None,
    })
}

/// The services that APIs and functions stand on.
fn of_others(resource: Named<'_>, saved: &BTreeMap<String, Value>, known: &Known) -> Option<Reply> {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    Some(match resource.kind {
        "AWS::DynamoDB::Table" => table::reply(resource, saved),
        "AWS::EC2::SecurityGroup"
        | "AWS::EC2::SecurityGroupEgress"
        | "AWS::EC2::SecurityGroupIngress"
        | "AWS::EC2::Subnet"
        | "AWS::EC2::VPC" => network::reply(resource, saved),
        "AWS::Events::EventBus" => Reply {
            reference: Value::from(resource.name("Name")),
            attributes: vec![("Arn", value("arn")), ("Name", Value::from(resource.name("Name")))],
        },
        "AWS::Events::Rule" => {
            Reply { reference: Value::from(resource.name("Name")), attributes: vec![("Arn", value("arn"))] }
        }
        "AWS::SNS::Subscription" => {
            Reply { reference: value("reference"), attributes: vec![("Arn", value("reference"))] }
        }
        "AWS::SNS::Topic" => Reply {
            reference: value("arn"),
            attributes: vec![("TopicArn", value("arn")), ("TopicName", Value::from(topic::name(resource)))],
        },
        "AWS::IAM::Role" => Reply {
            reference: Value::from(resource.name("RoleName")),
            attributes: vec![("Arn", value("arn")), ("RoleId", value("id"))],
        },
        "AWS::Kinesis::Stream" => {
            Reply { reference: Value::from(resource.name("Name")), attributes: vec![("Arn", value("arn"))] }
        }
        "AWS::Logs::LogGroup" => log_group::reply(resource, known),
        "AWS::S3::Bucket" => bucket::reply(resource, known),
        "AWS::SQS::Queue" => queue::reply(resource, saved, known),
        "AWS::SSM::Parameter" => parameter::reply(resource),
        "AWS::SecretsManager::Secret" => {
            Reply { reference: value("arn"), attributes: vec![("Id", value("arn"))] }
        }
        _ => return None,
    })
}
