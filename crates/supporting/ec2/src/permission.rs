//! Permissions as requests say them and answers show them: `IpPermissions` has many rules in one.

use aws_wire::ServiceError;
use runtime::Scope;
use serde_json::{Map, Value, json};

use crate::{
    Members, State, cidr, error, group, list,
    record::{Group, Peer, Permission, Rule},
    text,
};

pub(crate) const EVERYWHERE: &str = "0.0.0.0/0";

/// What a request asks for, with what is said of each rule.
pub(crate) type Asked = Vec<(Permission, Option<String>)>;

/// The permissions of a request about `group`: in `IpPermissions`, or one beside them in members of its own.
pub(crate) fn asked(
    state: &State,
    scope: &Scope,
    group: &Group,
    members: &Members,
    is_egress: bool,
) -> Result<Asked, ServiceError> {
    crate::refuse(members, &["SourceSecurityGroupName", "SourceSecurityGroupOwnerId"])?;
    let reader = Reader { state, scope, group, is_egress };
    let mut asked = Vec::new();
    if let Some(given) = members.get("IpPermissions").and_then(Value::as_array).filter(|it| !it.is_empty()) {
        for one in given {
            reader.read(one, &mut asked)?;
        }
    } else if members.contains_key("IpProtocol") || members.contains_key("CidrIp") {
        let mut one = Map::new();
        for name in ["IpProtocol", "FromPort", "ToPort"] {
            if let Some(value) = members.get(name) {
                one.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(range) = text(members, "CidrIp") {
            one.insert(String::from("IpRanges"), json!([{ "CidrIp": range }]));
        }
        reader.read(&Value::Object(one), &mut asked)?;
    } else {
        return Err(error::missing("The request must contain the parameter ipPermissions"));
    }
    for (at, (one, _)) in asked.iter().enumerate() {
        if asked[..at].iter().any(|(other, _)| other == one) {
            return Err(error::invalid("The same permission must not appear multiple times"));
        }
    }
    Ok(asked)
}

struct Reader<'r> {
    state: &'r State,
    scope: &'r Scope,
    group: &'r Group,
    is_egress: bool,
}

impl Reader<'_> {
    fn read(&self, given: &Value, asked: &mut Asked) -> Result<(), ServiceError> {
        let protocol = protocol(given["IpProtocol"].as_str())?;
        let ports = ports(&protocol, given["FromPort"].as_i64(), given["ToPort"].as_i64())?;
        let before = asked.len();
        let items = |name: &str| given[name].as_array().cloned().unwrap_or_default();
        if !items("PrefixListIds").is_empty() {
            return Err(ServiceError::not_implemented("Tule does not implement PrefixListIds of EC2 yet"));
        }
        let mut add = |peer: Peer, item: &Value| {
            let description = item["Description"].as_str().filter(|text| !text.is_empty());
            group::check_description(description.unwrap_or_default(), "rule")?;
            let what = Permission { is_egress: self.is_egress, protocol: protocol.clone(), ports, peer };
            asked.push((what, description.map(str::to_owned)));
            Ok::<(), ServiceError>(())
        };
        for item in items("IpRanges") {
            let given = item["CidrIp"].as_str().unwrap_or_default();
            let block = cidr::Block::parse(given).ok_or_else(|| malformed(given))?;
            add(Peer::Ipv4(block.to_string()), &item)?;
        }
        for item in items("Ipv6Ranges") {
            let given = item["CidrIpv6"].as_str().unwrap_or_default();
            add(Peer::Ipv6(cidr::parse_v6(given).ok_or_else(|| malformed(given))?), &item)?;
        }
        for item in items("UserIdGroupPairs") {
            add(Peer::Group(self.peer(&item)?), &item)?;
        }
        if asked.len() == before {
            return Err(error::missing("Source group ID missing."));
        }
        Ok(())
    }

    /// The id of the group that a pair names. It is in the same VPC: there are no peerings.
    fn peer(&self, pair: &Value) -> Result<String, ServiceError> {
        if pair["VpcPeeringConnectionId"].as_str().is_some_and(|id| !id.is_empty()) {
            return Err(ServiceError::not_implemented(
                "Tule does not implement VpcPeeringConnectionId of EC2 yet",
            ));
        }
        let vpc = &self.group.vpc;
        if let Some(id) = pair["GroupId"].as_str() {
            let found = list::by_id(&self.state.groups, self.scope, id, &error::GROUP)?;
            if found.vpc != *vpc {
                let text = "You have specified two resources that belong to different networks.";
                return Err(error::refusal("InvalidGroup.NotFound", text));
            }
            return Ok(found.id.clone());
        }
        let name = pair["GroupName"].as_str().unwrap_or_default();
        let groups = list::all(&self.state.groups, self.scope);
        let found = groups.iter().find(|it| it.vpc == *vpc && it.name == name);
        found.map(|found| found.id.clone()).ok_or_else(|| {
            error::refusal("InvalidGroup.NotFound", format!("The security group '{name}' does not exist"))
        })
    }
}

fn malformed(given: &str) -> ServiceError {
    error::invalid(format!("CIDR block {given} is malformed"))
}

/// A protocol by its name, where it has one.
fn protocol(given: Option<&str>) -> Result<String, ServiceError> {
    let given = given.ok_or_else(|| error::missing("The request must contain the parameter ipProtocol"))?;
    let lower = given.to_ascii_lowercase();
    let known = match lower.as_str() {
        "-1" | "all" => "-1",
        "1" | "icmp" => "icmp",
        "6" | "tcp" => "tcp",
        "17" | "udp" => "udp",
        "58" | "icmpv6" => "icmpv6",
        number if number.parse::<u8>().is_ok_and(|it| it.to_string() == number) => number,
        _ => {
            let text = format!("Invalid value '{given}' for IP protocol. Unknown protocol.");
            return Err(error::invalid(text));
        }
    };
    Ok(known.to_owned())
}

/// The ports of TCP and UDP, or type and code of ICMP. The rest have none, whatever is said.
fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> Result<Option<(i64, i64)>, ServiceError> {
    match protocol {
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(error::invalid(
                    "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
                ));
            };
            if let Some(port) = [from, to].into_iter().find(|port| !(0..=65_535).contains(port)) {
                return Err(error::invalid(format!("TCP/UDP port ({port}) out of range")));
            }
            if from > to {
                return Err(error::invalid(format!("Invalid TCP/UDP port range ({from}:{to})")));
            }
            Ok(Some((from, to)))
        }
        "icmp" | "icmpv6" => {
            let (kind, code) = (from.unwrap_or(-1), to.unwrap_or(-1));
            if let Some(number) = [kind, code].into_iter().find(|number| !(-1..=255).contains(number)) {
                return Err(error::invalid(format!("ICMP type or code ({number}) out of range")));
            }
            Ok(Some((kind, code)))
        }
        _ => Ok(None),
    }
}

/// `peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW`, as refusals tell of a rule.
pub(crate) fn told(what: &Permission) -> String {
    let peer = match &what.peer {
        Peer::Ipv4(peer) | Peer::Ipv6(peer) | Peer::Group(peer) => peer,
    };
    let protocol = if what.protocol == "-1" { String::from("ALL") } else { what.protocol.to_uppercase() };
    match what.ports {
        Some((from, to)) => format!("peer: {peer}, {protocol}, from port: {from}, to port: {to}, ALLOW"),
        None => format!("peer: {peer}, {protocol}, ALLOW"),
    }
}

/// `IpPermissions` of one direction: rules of the same protocol and ports are one.
pub(crate) fn grouped(scope: &Scope, group: &Group, is_egress: bool) -> Vec<Value> {
    let mut permissions: Vec<(&Permission, Value)> = Vec::new();
    for rule in group.rules.iter().filter(|rule| rule.what.is_egress == is_egress) {
        let what = &rule.what;
        let same =
            |(other, _): &(&Permission, Value)| other.protocol == what.protocol && other.ports == what.ports;
        let at = permissions.iter().position(same).unwrap_or_else(|| {
            permissions.push((what, empty(what)));
            permissions.len() - 1
        });
        let (list, mut item) = match &what.peer {
            Peer::Ipv4(peer) => ("IpRanges", json!({ "CidrIp": peer })),
            Peer::Ipv6(peer) => ("Ipv6Ranges", json!({ "CidrIpv6": peer })),
            Peer::Group(id) => ("UserIdGroupPairs", json!({ "UserId": &*scope.account, "GroupId": id })),
        };
        if let Some(description) = &rule.description {
            item["Description"] = description.as_str().into();
        }
        if let Some(items) = permissions[at].1[list].as_array_mut() {
            items.push(item);
        }
    }
    permissions.into_iter().map(|(_, shown)| shown).collect()
}

fn empty(what: &Permission) -> Value {
    let mut shown = json!({
        "IpProtocol": what.protocol, "UserIdGroupPairs": [], "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [],
    });
    if let Some((from, to)) = what.ports {
        shown["FromPort"] = from.into();
        shown["ToPort"] = to.into();
    }
    shown
}

/// A rule on its own.
pub(crate) fn rule_shown(scope: &Scope, group: &Group, rule: &Rule) -> Value {
    let (from, to) = rule.what.ports.unwrap_or((-1, -1));
    let arn = scope.arn("ec2", &format!("security-group-rule/{}", rule.id));
    let mut shown = json!({
        "SecurityGroupRuleId": rule.id, "GroupId": group.id, "GroupOwnerId": &*scope.account,
        "IsEgress": rule.what.is_egress, "IpProtocol": rule.what.protocol, "FromPort": from, "ToPort": to,
        "SecurityGroupRuleArn": arn,
    });
    match &rule.what.peer {
        Peer::Ipv4(peer) => shown["CidrIpv4"] = peer.as_str().into(),
        Peer::Ipv6(peer) => shown["CidrIpv6"] = peer.as_str().into(),
        Peer::Group(id) => {
            shown["ReferencedGroupInfo"] = json!({ "GroupId": id, "UserId": &*scope.account });
        }
    }
    if let Some(description) = &rule.description {
        shown["Description"] = description.as_str().into();
    }
    crate::tags::show(&mut shown, &rule.tags);
    shown
}
