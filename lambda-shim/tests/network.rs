//! `VpcConfig`, held against what EC2 says.
#![allow(missing_docs, clippy::unwrap_used)]

#[allow(dead_code, reason = "not every test file uses all of it")]
mod support;

use std::sync::Arc;

use aws_wire::ServiceError;
use lambda_shim::ExecutorChoice;
use runtime::{Output, ScriptedRouter, ServiceRouter};
use serde_json::{Value, json};
use support::Rig;

/// An EC2 whose ids end with the VPC they are of: `subnet-a1` and `sg-a1` are of `vpc-1`. Those of no number are nobody's.
fn networks() -> Arc<dyn ServiceRouter> {
    Arc::new(ScriptedRouter::new(|_, service, operation, input| {
        let (ids, answer) = match (service, operation) {
            ("ec2", "DescribeSubnets") => ("SubnetIds", "Subnets"),
            ("ec2", "DescribeSecurityGroups") => ("GroupIds", "SecurityGroups"),
            _ => panic!("nobody asks {service} for {operation}"),
        };
        let vpc = |id: &Value| {
            let id = id.as_str().unwrap();
            let vpc = id.chars().last().filter(char::is_ascii_digit);
            let vpc = vpc.ok_or_else(|| ServiceError::bad_request("Invalid.NotFound", format!("no {id}")))?;
            Ok(json!({ "VpcId": format!("vpc-{vpc}") }))
        };
        let found: Result<Vec<Value>, _> = input.members[ids].as_array().unwrap().iter().map(vpc).collect();
        std::future::ready(found.map(|found| Output::of(json!({ answer: found }))))
    }))
}

fn network(subnets: &[&str], groups: &[&str]) -> Value {
    json!({ "VpcConfig": { "SubnetIds": subnets, "SecurityGroupIds": groups } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_s_network_is_that_of_its_subnets() {
    let rig = Rig::with(ExecutorChoice::Process, |options| options.router = networks()).await;
    let source = "def handler(event, context):\n    return event\n";
    let made =
        rig.create("f", "python3.11", &[("index.py", source)], network(&["subnet-a1"], &["sg-a1"])).await;
    assert_eq!(made["VpcConfig"]["VpcId"], "vpc-1");
    rig.settled("f").await;
    let update = async |config: Value| {
        let mut members = config;
        members["FunctionName"] = "f".into();
        rig.call("UpdateFunctionConfiguration", members).await.map_err(|refused| {
            assert_eq!(refused.code, "InvalidParameterValueException");
            refused.message
        })
    };
    let told = |operation: &str, id: &str| {
        format!(
            "Error occurred while {operation}. EC2 Error Code: Invalid.NotFound. EC2 Error Message: no {id}"
        )
    };
    let together = "SubnetIds and SecurityIds must coexist or be both empty list.";
    for (config, refusal) in [
        (network(&["subnet-a"], &["sg-a1"]), told("DescribeSubnets", "subnet-a")),
        (network(&["subnet-a1"], &["sg-a"]), told("DescribeSecurityGroups", "sg-a")),
        (network(&["subnet-a1"], &[]), together.to_owned()),
        (network(&[], &["sg-a1"]), together.to_owned()),
        (
            network(&["subnet-a1", "subnet-a2"], &["sg-a1"]),
            "Subnets are required to be in the same VPC.".to_owned(),
        ),
        (
            network(&["subnet-a1"], &["sg-a2"]),
            "Security Groups are required to be in the same VPC.".to_owned(),
        ),
    ] {
        assert_eq!(update(config).await.unwrap_err(), refusal);
    }
    assert_eq!(rig.settled("f").await["VpcConfig"]["VpcId"], "vpc-1", "what was refused changed nothing");
    let other = update(network(&["subnet-a2"], &["sg-a2"])).await.unwrap();
    assert_eq!(other["VpcConfig"]["VpcId"], "vpc-2");
    rig.settled("f").await;
    // An update that says nothing of it leaves it.
    update(json!({ "Timeout": 5 })).await.unwrap();
    assert_eq!(rig.settled("f").await["VpcConfig"]["VpcId"], "vpc-2");
    let none = update(network(&[], &[])).await.unwrap();
    assert_eq!(
        none["VpcConfig"],
        json!({ "SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": false })
    );
}

#[tokio::test]
async fn a_capacity_provider_s_network_is_held_against_ec2_too() {
    let rig = Rig::with(ExecutorChoice::Process, |options| options.router = networks()).await;
    let create = |subnet: &str| {
        let mut members = network(&[subnet], &["sg-a1"]);
        members["CapacityProviderName"] = "c".into();
        members["PermissionsConfig"] =
            json!({"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/r"});
        members
    };
    let refused = rig.call("CreateCapacityProvider", create("subnet-a")).await.unwrap_err();
    assert_eq!(&*refused.code, "InvalidParameterValueException");
    assert_eq!(
        refused.message,
        "Error occurred while DescribeSubnets. EC2 Error Code: Invalid.NotFound. EC2 Error Message: no subnet-a"
    );
    rig.call("GetCapacityProvider", json!({"CapacityProviderName": "c"})).await.unwrap_err();
    let mut ungrouped = create("subnet-a1");
    ungrouped["VpcConfig"]["SecurityGroupIds"] = json!([]);
    rig.call("CreateCapacityProvider", ungrouped).await.unwrap();
}
