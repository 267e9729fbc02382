//! Subnets: made, described, removed.

use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    cidr::Block,
    error,
    filter::{self, Filters},
    functions, key, list, prefix,
    record::Subnet,
    refuse, tags, text, vpc, zones,
};

/// Addresses of a subnet that AWS keeps for itself.
const RESERVED: u64 = 5;

const NOT_DONE: &[&str] = &[
    "Ipv4IpamPoolId",
    "Ipv4NetmaskLength",
    "Ipv6CidrBlock",
    "Ipv6IpamPoolId",
    "Ipv6Native",
    "Ipv6NetmaskLength",
    "OutpostArn",
];

pub(crate) async fn create(state: &State, scope: &Scope, members: &Members) -> Answer {
    refuse(members, NOT_DONE)?;
    let given = text(members, "CidrBlock")
        .ok_or_else(|| error::missing("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."))?;
    let cidr = Block::parse(given).ok_or_else(|| {
        error::invalid(format!(
            "Value ({given}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        ))
    })?;
    let tags = tags::specified(members, "subnet")?;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let vpc = list::by_id(&state.vpcs, scope, text(members, "VpcId").unwrap_or_default(), &error::VPC)?;
    let zone =
        zones::chosen(&scope.region, text(members, "AvailabilityZone"), text(members, "AvailabilityZoneId"))?;
    // An id that is in use is told before the addresses are: who asks for it again means the same subnet.
    let id = tags::new_id(&tags, &error::SUBNET, |id| state.subnets.get(&key(scope, id)).is_some())?;
    let within = Block::parse(&vpc.cidr).is_some_and(|whole| whole.contains(cidr));
    if !within || !vpc::LENGTHS.contains(&cidr.length) {
        return Err(error::refusal("InvalidSubnet.Range", format!("The CIDR '{given}' is invalid.")));
    }
    let taken = list::all(&state.subnets, scope);
    let mut taken = taken.iter().filter(|it| it.vpc == vpc.id).filter_map(|it| Block::parse(&it.cidr));
    if taken.any(|other| other.overlaps(cidr)) {
        return Err(error::refusal(
            "InvalidSubnet.Conflict",
            format!("The CIDR '{given}' conflicts with another subnet"),
        ));
    }
    let subnet = Subnet {
        id,
        vpc: vpc.id.clone(),
        cidr: cidr.to_string(),
        zone: zone.name,
        default_for_zone: false,
        map_public_ip: false,
        tags,
    };
    let answer = Output::of(json!({ "Subnet": shown(scope, &subnet) }));
    let mut changes = Changes::new(state, scope);
    changes.subnet(subnet)?;
    changes.commit().await?;
    Ok(answer)
}

/// How many addresses can be given out: no one has been.
fn available(subnet: &Subnet) -> u64 {
    Block::parse(&subnet.cidr).map_or(0, |block| block.size().saturating_sub(RESERVED))
}

fn arn(scope: &Scope, subnet: &Subnet) -> String {
    scope.arn("ec2", &format!("subnet/{}", subnet.id))
}

fn shown(scope: &Scope, subnet: &Subnet) -> Value {
    let mut shown = json!({
        "AvailabilityZoneId": zones::id_of(&scope.region, &subnet.zone), "MapCustomerOwnedIpOnLaunch": false,
        "OwnerId": &*scope.account, "AssignIpv6AddressOnCreation": false, "Ipv6CidrBlockAssociationSet": [],
        "SubnetArn": arn(scope, subnet), "EnableDns64": false, "Ipv6Native": false,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name", "EnableResourceNameDnsARecord": false,
            "EnableResourceNameDnsAAAARecord": false,
        },
        "SubnetId": subnet.id, "State": "available", "VpcId": subnet.vpc, "CidrBlock": subnet.cidr,
        "AvailableIpAddressCount": available(subnet), "AvailabilityZone": subnet.zone,
        "DefaultForAz": subnet.default_for_zone, "MapPublicIpOnLaunch": subnet.map_public_ip,
    });
    tags::show(&mut shown, &subnet.tags);
    shown
}

const LISTING: list::Listing = list::Listing {
    operation: "DescribeSubnets",
    ids: "SubnetIds",
    named: &error::SUBNET,
    answer: "Subnets",
};

const FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "availabilityZone",
    "availabilityZoneId",
    "available-ip-address-count",
    "cidr",
    "cidr-block",
    "cidrBlock",
    "customer-owned-ipv4-pool",
    "default-for-az",
    "defaultForAz",
    "enable-dns64",
    "enable-lni-at-device-index",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.state",
    "ipv6-native",
    "map-customer-owned-ip-on-launch",
    "map-public-ip-on-launch",
    "outpost-arn",
    "owner-id",
    "private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
    "private-dns-name-options-on-launch.hostname-type",
    "state",
    "subnet-arn",
    "subnet-id",
    "tag-key",
    "vpc-id",
];

pub(crate) fn describe(state: &State, scope: &Scope, members: &Members) -> Answer {
    let filters = Filters::read(members, FILTERS)?;
    let admitted = |subnet: &Subnet| {
        filters.admit(|name| match name {
            "availability-zone" | "availabilityZone" => vec![subnet.zone.clone()],
            "availability-zone-id" | "availabilityZoneId" => vec![zones::id_of(&scope.region, &subnet.zone)],
            "available-ip-address-count" => vec![available(subnet).to_string()],
            "cidr" | "cidr-block" | "cidrBlock" => vec![subnet.cidr.clone()],
            "default-for-az" | "defaultForAz" => vec![subnet.default_for_zone.to_string()],
            "enable-dns64"
            | "ipv6-native"
            | "map-customer-owned-ip-on-launch"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => {
                vec![String::from("false")]
            }
            "map-public-ip-on-launch" => vec![subnet.map_public_ip.to_string()],
            "owner-id" => vec![scope.account.to_string()],
            "private-dns-name-options-on-launch.hostname-type" => vec![String::from("ip-name")],
            "state" => vec![String::from("available")],
            "subnet-arn" => vec![arn(scope, subnet)],
            "subnet-id" => vec![subnet.id.clone()],
            "vpc-id" => vec![subnet.vpc.clone()],
            name if name.starts_with("tag") => filter::of_tags(&subnet.tags, name),
            // No subnet is on an Outpost here, or has addresses of IPv6.
            _ => Vec::new(),
        })
    };
    LISTING.answer(
        &state.subnets,
        scope,
        members,
        |subnet| &subnet.id,
        |subnet| admitted(subnet).then(|| shown(scope, subnet)),
    )
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let scope = &ctx.scope;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let id = text(members, "SubnetId").unwrap_or_default();
    let subnet = list::by_id(&state.subnets, scope, id, &error::SUBNET)?;
    if functions::are_in(state, ctx, "SubnetIds", &subnet.id).await? {
        let text = format!("The subnet '{}' has dependencies and cannot be deleted.", subnet.id);
        return Err(error::refusal("DependencyViolation", text));
    }
    let mut changes = Changes::new(state, scope);
    changes.remove_subnet(&subnet.id);
    changes.commit().await?;
    Ok(Output::empty())
}
