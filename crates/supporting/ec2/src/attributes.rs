//! What of a VPC or a subnet can be changed: the operations that say one attribute each.

use runtime::{Output, Scope};
use serde_json::{Map, Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    error, list, prefix,
    record::{Subnet, Vpc},
    refuse, text,
};

pub(crate) fn describe_vpc(state: &State, scope: &Scope, members: &Members) -> Answer {
    let vpc = list::by_id(&state.vpcs, scope, text(members, "VpcId").unwrap_or_default(), &error::VPC)?;
    let (name, value) = match text(members, "Attribute") {
        Some("enableDnsHostnames") => ("EnableDnsHostnames", vpc.dns_hostnames),
        Some("enableDnsSupport") => ("EnableDnsSupport", vpc.dns_support),
        _ => ("EnableNetworkAddressUsageMetrics", vpc.usage_metrics),
    };
    let mut out = Map::new();
    out.insert(String::from("VpcId"), vpc.id.as_str().into());
    out.insert(name.to_owned(), json!({ "Value": value }));
    Ok(Output { members: out, ..Output::default() })
}

/// What a member says that is `{Value: true}`.
fn flag(members: &Members, name: &str) -> Option<bool> {
    members.get(name).and_then(|given| given.get("Value")).and_then(Value::as_bool)
}

/// The one attribute that a request changes.
fn only(members: &Members, names: &[&'static str]) -> Result<(&'static str, bool), aws_wire::ServiceError> {
    let mut given = names.iter().filter_map(|name| Some((*name, flag(members, name)?)));
    match (given.next(), given.next()) {
        (Some(one), None) => Ok(one),
        (Some((one, _)), Some((other, _))) => Err(error::refusal(
            "InvalidParameterCombination",
            format!("Fields for multiple attribute types specified: {one}, {other}"),
        )),
        (None, _) => Err(error::refusal("InvalidParameterCombination", "No attributes specified.")),
    }
}

pub(crate) async fn modify_vpc(state: &State, scope: &Scope, members: &Members) -> Answer {
    const NAMES: &[&str] = &["EnableDnsHostnames", "EnableDnsSupport", "EnableNetworkAddressUsageMetrics"];
    let _turn = state.changing.turn(&prefix(scope)).await;
    let found = list::by_id(&state.vpcs, scope, text(members, "VpcId").unwrap_or_default(), &error::VPC)?;
    let mut vpc = Vpc::clone(&found);
    match only(members, NAMES)? {
        ("EnableDnsHostnames", value) => vpc.dns_hostnames = value,
        ("EnableDnsSupport", value) => vpc.dns_support = value,
        (_, value) => vpc.usage_metrics = value,
    }
    let mut changes = Changes::new(state, scope);
    changes.vpc(vpc)?;
    changes.commit().await?;
    Ok(Output::empty())
}

pub(crate) async fn modify_subnet(state: &State, scope: &Scope, members: &Members) -> Answer {
    const NOT_DONE: &[&str] = &[
        "AssignIpv6AddressOnCreation",
        "CustomerOwnedIpv4Pool",
        "DisableLniAtDeviceIndex",
        "EnableDns64",
        "EnableLniAtDeviceIndex",
        "EnableResourceNameDnsAAAARecordOnLaunch",
        "EnableResourceNameDnsARecordOnLaunch",
        "MapCustomerOwnedIpOnLaunch",
    ];
    refuse(members, NOT_DONE)?;
    if let Some(kind) = text(members, "PrivateDnsHostnameTypeOnLaunch").filter(|kind| *kind != "ip-name") {
        return Err(aws_wire::ServiceError::not_implemented(format!(
            "Tule does not implement the PrivateDnsHostnameTypeOnLaunch {kind} of EC2 yet"
        )));
    }
    let _turn = state.changing.turn(&prefix(scope)).await;
    let id = text(members, "SubnetId").unwrap_or_default();
    let found = list::by_id(&state.subnets, scope, id, &error::SUBNET)?;
    let mut subnet = Subnet::clone(&found);
    if let Some(value) = flag(members, "MapPublicIpOnLaunch") {
        subnet.map_public_ip = value;
    }
    let mut changes = Changes::new(state, scope);
    changes.subnet(subnet)?;
    changes.commit().await?;
    Ok(Output::empty())
}
