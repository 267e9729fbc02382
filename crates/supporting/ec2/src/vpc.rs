//! VPCs: made, described, removed.

use runtime::{Output, Scope};
use serde_json::{Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    cidr::Block,
    error,
    filter::{self, Filters},
    group, key, list, new_id, prefix,
    record::{Tags, Vpc},
    refuse, tags, text,
};

/// The lengths that a VPC's block may have, and a subnet's.
pub(crate) const LENGTHS: std::ops::RangeInclusive<u8> = 16..=28;

/// Members that ask for other addresses than a block of IPv4.
const NOT_DONE: &[&str] = &[
    "AmazonProvidedIpv6CidrBlock",
    "Ipv4IpamPoolId",
    "Ipv4NetmaskLength",
    "Ipv6CidrBlock",
    "Ipv6CidrBlockNetworkBorderGroup",
    "Ipv6IpamPoolId",
    "Ipv6NetmaskLength",
    "Ipv6Pool",
    "VpcEncryptionControl",
];

/// A VPC as it begins.
pub(crate) fn new(cidr: Block) -> Vpc {
    Vpc {
        id: new_id("vpc"),
        cidr: cidr.to_string(),
        association: new_id("vpc-cidr-assoc"),
        tenancy: String::from("default"),
        is_default: false,
        dns_support: true,
        dns_hostnames: false,
        usage_metrics: false,
        tags: Tags::new(),
    }
}

pub(crate) async fn create(state: &State, scope: &Scope, members: &Members) -> Answer {
    refuse(members, NOT_DONE)?;
    let given = text(members, "CidrBlock")
        .ok_or_else(|| error::missing("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided."))?;
    let cidr = Block::parse(given).ok_or_else(|| {
        error::invalid(format!(
            "Value ({given}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
        ))
    })?;
    if !LENGTHS.contains(&cidr.length) {
        return Err(error::refusal("InvalidVpc.Range", format!("The CIDR '{given}' is invalid.")));
    }
    let tenancy = text(members, "InstanceTenancy").unwrap_or("default");
    if tenancy == "host" {
        return Err(error::invalid("Value (host) for parameter instanceTenancy is invalid."));
    }
    let tags = tags::specified(members, "vpc")?;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let id = tags::new_id(&tags, &error::VPC, |id| state.vpcs.get(&key(scope, id)).is_some())?;
    let vpc = Vpc { id, tenancy: tenancy.to_owned(), tags, ..new(cidr) };
    let answer = Output::of(json!({ "Vpc": shown(scope, &vpc, "pending") }));
    let mut changes = Changes::new(state, scope);
    changes.group(group::of_new_vpc(&vpc.id))?;
    changes.vpc(vpc)?;
    changes.commit().await?;
    Ok(answer)
}

pub(crate) fn shown(scope: &Scope, vpc: &Vpc, state: &str) -> Value {
    let association = json!({
        "AssociationId": vpc.association, "CidrBlock": vpc.cidr, "CidrBlockState": { "State": "associated" },
    });
    let mut shown = json!({
        "OwnerId": &*scope.account, "InstanceTenancy": vpc.tenancy, "Ipv6CidrBlockAssociationSet": [],
        "CidrBlockAssociationSet": [association], "IsDefault": vpc.is_default, "VpcId": vpc.id, "State": state,
        "CidrBlock": vpc.cidr,
        // So a VPC is shown that has no set of its own, and no sets can be made here.
        "DhcpOptionsId": "default",
    });
    tags::show(&mut shown, &vpc.tags);
    shown
}

const LISTING: list::Listing =
    list::Listing { operation: "DescribeVpcs", ids: "VpcIds", named: &error::VPC, answer: "Vpcs" };

const FILTERS: &[&str] = &[
    "cidr",
    "cidr-block-association.association-id",
    "cidr-block-association.cidr-block",
    "cidr-block-association.state",
    "dhcp-options-id",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.ipv6-pool",
    "ipv6-cidr-block-association.state",
    "is-default",
    "isDefault",
    "owner-id",
    "state",
    "tag-key",
    "vpc-id",
];

pub(crate) fn describe(state: &State, scope: &Scope, members: &Members) -> Answer {
    let filters = Filters::read(members, FILTERS)?;
    let admitted = |vpc: &Vpc| {
        filters.admit(|name| match name {
            "cidr" | "cidr-block-association.cidr-block" => vec![vpc.cidr.clone()],
            "cidr-block-association.association-id" => vec![vpc.association.clone()],
            "cidr-block-association.state" => vec![String::from("associated")],
            "dhcp-options-id" => vec![String::from("default")],
            "is-default" | "isDefault" => vec![vpc.is_default.to_string()],
            "owner-id" => vec![scope.account.to_string()],
            "state" => vec![String::from("available")],
            "vpc-id" => vec![vpc.id.clone()],
            name if name.starts_with("tag") => filter::of_tags(&vpc.tags, name),
            // No VPC has addresses of IPv6 here.
            _ => Vec::new(),
        })
    };
    LISTING.answer(
        &state.vpcs,
        scope,
        members,
        |vpc| &vpc.id,
        |vpc| admitted(vpc).then(|| shown(scope, vpc, "available")),
    )
}

pub(crate) async fn delete(state: &State, scope: &Scope, members: &Members) -> Answer {
    let _turn = state.changing.turn(&prefix(scope)).await;
    let vpc = list::by_id(&state.vpcs, scope, text(members, "VpcId").unwrap_or_default(), &error::VPC)?;
    let has_subnets = list::all(&state.subnets, scope).iter().any(|subnet| subnet.vpc == vpc.id);
    let groups = list::all(&state.groups, scope);
    let groups: Vec<_> = groups.iter().filter(|group| group.vpc == vpc.id).collect();
    if has_subnets || groups.iter().any(|it| it.name != group::DEFAULT) {
        return Err(error::refusal(
            "DependencyViolation",
            format!("The vpc '{}' has dependencies and cannot be deleted.", vpc.id),
        ));
    }
    let mut changes = Changes::new(state, scope);
    changes.remove_vpc(&vpc.id);
    groups.iter().for_each(|group| changes.remove_group(&group.id));
    changes.commit().await?;
    Ok(Output::empty())
}
