//! `AWS::EC2::VPC`, `AWS::EC2::Subnet` and `AWS::EC2::SecurityGroup` with its rules.
//!
//! EC2's resources have no names by which a stack that is made again could find them. So their ids are chosen, by the tag
//! `_custom_id_`: the same for the same stack and logical id, and for the same properties where a change of them makes
//! CloudFormation replace the resource.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Call, Named, Reply,
    fields::{
        Field,
        Shape::{Flag, Number, Text},
        members, same,
    },
    saved, tag_map,
};
use crate::Refusals;

const VPC_FIELDS: &[Field] = &[same("CidrBlock", Text), same("InstanceTenancy", Text)];
const VPC_FLAGS: &[Field] = &[same("EnableDnsHostnames", Flag), same("EnableDnsSupport", Flag)];
pub(super) const VPC: &[&str] =
    &["CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"];

const SUBNET_FIELDS: &[Field] =
    &[same("AvailabilityZone", Text), same("CidrBlock", Text), same("VpcId", Text)];
const SUBNET_FLAGS: &[Field] = &[same("MapPublicIpOnLaunch", Flag)];
pub(super) const SUBNET: &[&str] = &["AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"];

pub(super) const GROUP: &[&str] =
    &["GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"];

/// What a rule says, in a group or on its own.
const RULE_FIELDS: &[Field] = &[
    same("CidrIp", Text),
    same("CidrIpv6", Text),
    same("Description", Text),
    same("DestinationSecurityGroupId", Text),
    same("FromPort", Number),
    same("IpProtocol", Text),
    same("SourceSecurityGroupId", Text),
    same("ToPort", Number),
];
pub(super) const INGRESS: &[&str] = &[
    "CidrIp",
    "CidrIpv6",
    "Description",
    "FromPort",
    "GroupId",
    "IpProtocol",
    "SourceSecurityGroupId",
    "ToPort",
];
pub(super) const EGRESS: &[&str] = &[
    "CidrIp",
    "CidrIpv6",
    "Description",
    "DestinationSecurityGroupId",
    "FromPort",
    "GroupId",
    "IpProtocol",
    "ToPort",
];

fn place(resource: Named<'_>) -> String {
    format!("Resources.{}.Properties", resource.id)
}

/// The id of a resource, which follows from what it is.
fn id(resource: Named<'_>, kind: &str, fixed: &Value) -> String {
    let mut state = 0xCBF2_9CE4_8422_2325_u64;
    let text = fixed.to_string();
    for byte in resource.stack.bytes().chain([0]).chain(resource.id.bytes()).chain([0]).chain(text.bytes()) {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    format!("{kind}-0{state:016x}")
}

/// A resource's tags, with the one that chooses its id, and that id.
pub(super) fn tags_with_id(resource: Named<'_>, kind: &str, fixed: &Value) -> (Map<String, Value>, String) {
    let mut tags = tag_map(resource.get("Tags"));
    let chosen = tags.entry("_custom_id_").or_insert_with(|| Value::from(id(resource, kind, fixed)));
    let chosen = chosen.as_str().unwrap_or_default().to_owned();
    (tags, chosen)
}

/// The same for a call of EC2's that makes it.
fn tagged(resource: Named<'_>, prefix: &str, kind: &str, create: &mut Map<String, Value>) -> String {
    let (tags, chosen) = tags_with_id(resource, prefix, &Value::Object(create.clone()));
    let tags: Vec<Value> =
        tags.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    create.insert("TagSpecifications".to_owned(), json!([{ "ResourceType": kind, "Tags": tags }]));
    chosen
}

pub(super) fn vpc(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut create = members(VPC_FIELDS, resource.properties, VPC, &place(resource))?;
    let flags = members(VPC_FLAGS, resource.properties, VPC, &place(resource))?;
    let id = tagged(resource, "vpc", "vpc", &mut create);
    let find = Call::new("ec2", "DescribeVpcs", json!({ "VpcIds": [id] }))
        .saving(&[("id", "/Vpcs/0/VpcId"), ("cidr", "/Vpcs/0/CidrBlock")]);
    let mut calls = vec![
        Call::new("ec2", "CreateVpc", Value::Object(create))
            .saving(&[("id", "/Vpc/VpcId"), ("cidr", "/Vpc/CidrBlock")])
            .or_if("InvalidVpc.DuplicateCustomId", vec![find]),
    ];
    for (name, value) in flags {
        let change = json!({ "VpcId": saved("id"), name: { "Value": value } });
        calls.push(Call::new("ec2", "ModifyVpcAttribute", change));
    }
    let filters = json!([{ "Name": "vpc-id", "Values": [saved("id")] }, { "Name": "group-name", "Values": ["default"] }]);
    let group = Call::new("ec2", "DescribeSecurityGroups", json!({ "Filters": filters }));
    calls.push(group.saving(&[("group", "/SecurityGroups/0/GroupId")]));
    Ok(calls)
}

pub(super) fn subnet(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut create = members(SUBNET_FIELDS, resource.properties, SUBNET, &place(resource))?;
    let flags = members(SUBNET_FLAGS, resource.properties, SUBNET, &place(resource))?;
    let id = tagged(resource, "subnet", "subnet", &mut create);
    let find = Call::new("ec2", "DescribeSubnets", json!({ "SubnetIds": [id] }))
        .saving(&[("id", "/Subnets/0/SubnetId"), ("zone", "/Subnets/0/AvailabilityZone")]);
    let mut calls = vec![
        Call::new("ec2", "CreateSubnet", Value::Object(create))
            .saving(&[("id", "/Subnet/SubnetId"), ("zone", "/Subnet/AvailabilityZone")])
            .or_if("InvalidSubnet.DuplicateCustomId", vec![find]),
    ];
    for (name, value) in flags {
        let change = json!({ "SubnetId": saved("id"), name: { "Value": value } });
        calls.push(Call::new("ec2", "ModifySubnetAttribute", change));
    }
    Ok(calls)
}

/// One rule as `IpPermissions` has it.
fn permission(rule: &Map<String, Value>) -> Value {
    let mut permission = Map::new();
    for name in ["IpProtocol", "FromPort", "ToPort"] {
        if let Some(value) = rule.get(name) {
            permission.insert(name.to_owned(), value.clone());
        }
    }
    let peers = [
        ("CidrIp", "IpRanges", "CidrIp"),
        ("CidrIpv6", "Ipv6Ranges", "CidrIpv6"),
        ("SourceSecurityGroupId", "UserIdGroupPairs", "GroupId"),
        ("DestinationSecurityGroupId", "UserIdGroupPairs", "GroupId"),
    ];
    for (property, list, member) in peers {
        if let Some(peer) = rule.get(property) {
            let mut item = json!({ member: peer });
            if let Some(description) = rule.get("Description") {
                item["Description"] = description.clone();
            }
            permission.insert(list.to_owned(), json!([item]));
        }
    }
    Value::Object(permission)
}

/// Adds a rule, unless the group has it already.
fn authorize(operation: &'static str, group: &Value, rule: &Map<String, Value>) -> Call {
    let members = json!({ "GroupId": group, "IpPermissions": [permission(rule)] });
    Call::new("ec2", operation, members).or_if("InvalidPermission.Duplicate", Vec::new())
}

/// What a group lets out from the beginning. Rules of its own take the place of that.
fn everything() -> Value {
    json!([{ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] }])
}

pub(super) fn group(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut create = resource.members(&["GroupName", "VpcId"]);
    create.entry("GroupName").or_insert_with(|| Value::from(resource.name("GroupName")));
    create.insert("Description".to_owned(), resource.get("GroupDescription").cloned().unwrap_or_default());
    let id = tagged(resource, "sg", "security-group", &mut create);
    let found = [("id", "/SecurityGroups/0/GroupId"), ("vpc", "/SecurityGroups/0/VpcId")];
    let find =
        |id: Value| Call::new("ec2", "DescribeSecurityGroups", json!({ "GroupIds": [id] })).saving(&found);
    let mut calls = vec![
        Call::new("ec2", "CreateSecurityGroup", Value::Object(create))
            .saving(&[("id", "/GroupId")])
            .or_if("InvalidGroup.DuplicateCustomId", vec![find(Value::from(id))]),
        find(saved("id")),
    ];
    let place = place(resource);
    let rules = |name: &str| -> Result<Vec<Map<String, Value>>, Refusals> {
        let given = resource.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
        given.map(|(at, rule)| members(RULE_FIELDS, rule, &[], &format!("{place}.{name}.{at}"))).collect()
    };
    let (ingress, egress) = (rules("SecurityGroupIngress")?, rules("SecurityGroupEgress")?);
    if !egress.is_empty() {
        let members = json!({ "GroupId": saved("id"), "IpPermissions": everything() });
        let revoke = Call::new("ec2", "RevokeSecurityGroupEgress", members);
        calls.push(revoke.or_if("InvalidPermission.NotFound", Vec::new()));
    }
    let id = saved("id");
    calls.extend(ingress.iter().map(|rule| authorize("AuthorizeSecurityGroupIngress", &id, rule)));
    calls.extend(egress.iter().map(|rule| authorize("AuthorizeSecurityGroupEgress", &id, rule)));
    Ok(calls)
}

/// `AWS::EC2::SecurityGroupIngress` and `AWS::EC2::SecurityGroupEgress`.
pub(super) fn rule(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let rule = members(RULE_FIELDS, resource.properties, &["GroupId"], &place(resource))?;
    let operation = if resource.kind == "AWS::EC2::SecurityGroupIngress" {
        "AuthorizeSecurityGroupIngress"
    } else {
        "AuthorizeSecurityGroupEgress"
    };
    let group = resource.get("GroupId").cloned().unwrap_or_default();
    let call = authorize(operation, &group, &rule);
    Ok(vec![call.saving(&[("id", "/SecurityGroupRules/0/SecurityGroupRuleId")])])
}

pub(super) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>) -> Reply {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    let attributes = match resource.kind {
        "AWS::EC2::VPC" => {
            vec![
                ("VpcId", value("id")),
                ("CidrBlock", value("cidr")),
                ("DefaultSecurityGroup", value("group")),
            ]
        }
        "AWS::EC2::Subnet" => vec![
            ("SubnetId", value("id")),
            ("AvailabilityZone", value("zone")),
            ("VpcId", resource.get("VpcId").cloned().unwrap_or_default()),
            ("CidrBlock", resource.get("CidrBlock").cloned().unwrap_or_default()),
        ],
        "AWS::EC2::SecurityGroup" => {
            vec![("GroupId", value("id")), ("Id", value("id")), ("VpcId", value("vpc"))]
        }
        _ => vec![("Id", value("id"))],
    };
    Reply { reference: value("id"), attributes }
}
