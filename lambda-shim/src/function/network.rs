//! `VpcConfig`: what EC2 says of a function's or a capacity provider's subnets and security groups. It is kept and shown.
//! The function runs as it would without: no network is made of subnets here.

use aws_wire::ServiceError;
use runtime::CallContext;
use serde_json::{Map, Value, json};

use super::record::Configuration;
use crate::{error, invoke::destination::router_call, service::Inner};

/// The VPC of the subnets that a request names, once EC2 knows all that it names: empty where the function leaves its
/// VPC, `None` where nothing is said of it.
pub(crate) async fn vpc_of(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Option<String>, ServiceError> {
    let Some(given) = members.get("VpcConfig").filter(|given| given.is_object()) else { return Ok(None) };
    let (subnets, groups) = match (list(given, "SubnetIds"), list(given, "SecurityGroupIds")) {
        (None, None) => return Ok(Some(String::new())),
        (Some(subnets), Some(groups)) => (subnets, groups),
        (Some(_), None) | (None, Some(_)) => {
            return Err(error::invalid_parameter(
                "SubnetIds and SecurityIds must coexist or be both empty list.",
            ));
        }
    };
    vpc_with(inner, ctx, subnets, Some(groups)).await.map(Some)
}

/// Refuses the network of a new capacity provider, if EC2 does not know all of it. It may name no security group.
pub(crate) async fn check_provider(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let Some(given) = members.get("VpcConfig") else { return Ok(()) };
    match list(given, "SubnetIds") {
        Some(subnets) => vpc_with(inner, ctx, subnets, list(given, "SecurityGroupIds")).await.map(drop),
        None => Ok(()),
    }
}

/// The ids that a `VpcConfig` lists, if there are any.
fn list<'a>(given: &'a Value, name: &str) -> Option<&'a [Value]> {
    given[name].as_array().map(Vec::as_slice).filter(|ids| !ids.is_empty())
}

/// The VPC that subnets and security groups have in common.
async fn vpc_with(
    inner: &Inner,
    ctx: &CallContext,
    subnets: &[Value],
    groups: Option<&[Value]>,
) -> Result<String, ServiceError> {
    let subnets = ask(inner, ctx, "DescribeSubnets", json!({ "SubnetIds": subnets })).await?;
    let groups = match groups {
        Some(groups) => ask(inner, ctx, "DescribeSecurityGroups", json!({ "GroupIds": groups })).await?,
        None => Value::Null,
    };
    let vpcs = |found: &Value, list: &str| -> Vec<String> {
        let found = found[list].as_array().into_iter().flatten();
        found.map(|one| one["VpcId"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let of_subnets = vpcs(&subnets, "Subnets");
    let vpc = of_subnets.first().cloned().unwrap_or_default();
    if of_subnets.iter().any(|other| *other != vpc) {
        return Err(error::invalid_parameter("Subnets are required to be in the same VPC."));
    }
    if vpcs(&groups, "SecurityGroups").iter().any(|other| *other != vpc) {
        return Err(error::invalid_parameter("Security Groups are required to be in the same VPC."));
    }
    Ok(vpc)
}

/// Asks EC2, whose refusals Lambda tells in its own.
async fn ask(
    inner: &Inner,
    ctx: &CallContext,
    operation: &str,
    members: Value,
) -> Result<Value, ServiceError> {
    router_call(inner, ctx, "ec2", operation, members).await.map_err(|refusal| {
        if refusal.status >= 500 {
            return refusal;
        }
        error::invalid_parameter(format!(
            "Error occurred while {operation}. EC2 Error Code: {}. EC2 Error Message: {}",
            refusal.code, refusal.message
        ))
    })
}

/// Shows the VPC with the rest of `VpcConfig`.
pub(crate) fn put(configuration: &mut Configuration, vpc: Option<String>) {
    if let (Some(vpc), Some(shown)) = (vpc, configuration.echoed.get_mut("VpcConfig")) {
        shown["VpcId"] = vpc.into();
    }
}
