//! Security groups: made, described, removed.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    default_vpc, error,
    filter::{self, Filters},
    functions, key, list, new_id,
    permission::{self, EVERYWHERE},
    prefix,
    record::{Group, Peer, Permission, Rule, Tags},
    tags, text, texts,
};

/// The name of the group that every VPC has.
pub(crate) const DEFAULT: &str = "default";

const LONGEST: usize = 255;

/// A rule that lets everything through.
fn open(is_egress: bool, peer: Peer) -> Rule {
    let what = Permission { is_egress, protocol: String::from("-1"), ports: None, peer };
    Rule { id: new_id("sgr"), what, description: None, tags: Tags::new() }
}

/// The group that a VPC has from the beginning: its members reach each other, and everything.
pub(crate) fn of_new_vpc(vpc: &str) -> Group {
    let id = new_id("sg");
    Group {
        vpc: vpc.to_owned(),
        name: DEFAULT.to_owned(),
        description: String::from("default VPC security group"),
        rules: vec![open(false, Peer::Group(id.clone())), open(true, Peer::Ipv4(EVERYWHERE.to_owned()))],
        tags: Tags::new(),
        id,
    }
}

/// Characters that names and descriptions may have.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-:/()#,@[]+=&;{}!$*".contains(&byte);
    text.len() <= LONGEST && text.bytes().all(plain)
}

/// What may be said of a group or a rule; `what` names which.
pub(crate) fn check_description(description: &str, what: &str) -> Result<(), ServiceError> {
    if is_plain(description) {
        return Ok(());
    }
    Err(error::invalid(format!(
        "Invalid {what} description. Valid descriptions are strings less than 256 characters from the following set:  \
         a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    )))
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name == DEFAULT {
        return Err(error::invalid(format!("Cannot use reserved security group name: {name}")));
    }
    if name.starts_with("sg-") {
        return Err(error::invalid(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*"
        )));
    }
    if !is_plain(name) {
        return Err(error::invalid(format!(
            "Value ({name}) for parameter GroupName is invalid. Valid names are strings less than 256 characters from \
             the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
        )));
    }
    Ok(())
}

pub(crate) async fn create(state: &State, scope: &Scope, members: &Members) -> Answer {
    let name = text(members, "GroupName")
        .ok_or_else(|| error::missing("The request must contain the parameter groupName"))?;
    let description = text(members, "Description")
        .ok_or_else(|| error::missing("The request must contain the parameter groupDescription"))?;
    check_name(name)?;
    check_description(description, "security group")?;
    let tags = tags::specified(members, "security-group")?;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let vpc = match text(members, "VpcId") {
        Some(id) => list::by_id(&state.vpcs, scope, id, &error::VPC)?.id.clone(),
        None => of_default_vpc(state, scope)?,
    };
    let id = tags::new_id(&tags, &error::GROUP, |id| state.groups.get(&key(scope, id)).is_some())?;
    if list::all(&state.groups, scope).iter().any(|it| it.vpc == vpc && it.name == name) {
        return Err(error::refusal(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc}'"),
        ));
    }
    let group = Group {
        id,
        vpc,
        name: name.to_owned(),
        description: description.to_owned(),
        rules: vec![open(true, Peer::Ipv4(EVERYWHERE.to_owned()))],
        tags,
    };
    let mut answer = json!({ "GroupId": group.id, "SecurityGroupArn": arn(scope, &group) });
    tags::show(&mut answer, &group.tags);
    let mut changes = Changes::new(state, scope);
    changes.group(group)?;
    changes.commit().await?;
    Ok(Output::of(answer))
}

/// The default VPC's id, for requests that name no VPC.
fn of_default_vpc(state: &State, scope: &Scope) -> Result<String, ServiceError> {
    let found = default_vpc::find(state, scope).map(|vpc| vpc.id);
    found.ok_or_else(|| error::refusal("VPCIdNotSpecified", "No default VPC for this user"))
}

/// The group of a name in the default VPC.
fn by_name(state: &State, scope: &Scope, name: &str) -> Result<Arc<Group>, ServiceError> {
    let vpc = of_default_vpc(state, scope)?;
    let found = list::all(&state.groups, scope).into_iter().find(|it| it.vpc == vpc && it.name == name);
    found.ok_or_else(|| {
        error::refusal(
            "InvalidGroup.NotFound",
            format!("The security group '{name}' does not exist in default VPC '{vpc}'"),
        )
    })
}

/// The group that `GroupId` or `GroupName` names.
pub(crate) fn asked_for(state: &State, scope: &Scope, members: &Members) -> Result<Arc<Group>, ServiceError> {
    match (text(members, "GroupId"), text(members, "GroupName")) {
        (Some(id), _) => list::by_id(&state.groups, scope, id, &error::GROUP),
        (None, Some(name)) => by_name(state, scope, name),
        (None, None) => Err(error::missing("The request must contain the parameter groupName or groupId")),
    }
}

pub(crate) fn arn(scope: &Scope, group: &Group) -> String {
    scope.arn("ec2", &format!("security-group/{}", group.id))
}

fn shown(scope: &Scope, group: &Group) -> Value {
    let mut shown = json!({
        "GroupId": group.id, "GroupName": group.name, "Description": group.description, "VpcId": group.vpc,
        "OwnerId": &*scope.account, "SecurityGroupArn": arn(scope, group),
        "IpPermissions": permission::grouped(scope, group, false),
        "IpPermissionsEgress": permission::grouped(scope, group, true),
    });
    tags::show(&mut shown, &group.tags);
    shown
}

const LISTING: list::Listing = list::Listing {
    operation: "DescribeSecurityGroups",
    ids: "GroupIds",
    named: &error::GROUP,
    answer: "SecurityGroups",
};

const FILTERS: &[&str] = &[
    "description",
    "egress.ip-permission.cidr",
    "egress.ip-permission.from-port",
    "egress.ip-permission.group-id",
    "egress.ip-permission.group-name",
    "egress.ip-permission.ipv6-cidr",
    "egress.ip-permission.prefix-list-id",
    "egress.ip-permission.protocol",
    "egress.ip-permission.to-port",
    "egress.ip-permission.user-id",
    "group-id",
    "group-name",
    "ip-permission.cidr",
    "ip-permission.from-port",
    "ip-permission.group-id",
    "ip-permission.group-name",
    "ip-permission.ipv6-cidr",
    "ip-permission.prefix-list-id",
    "ip-permission.protocol",
    "ip-permission.to-port",
    "ip-permission.user-id",
    "owner-id",
    "tag-key",
    "vpc-id",
];

pub(crate) fn describe(state: &State, scope: &Scope, members: &Members) -> Answer {
    let filters = Filters::read(members, FILTERS)?;
    let names = texts(members, "GroupNames");
    let mut named = Vec::new();
    for name in &names {
        named.push(by_name(state, scope, name)?.id.clone());
    }
    let admitted = |group: &Group| {
        filters.admit(|name| match name {
            "description" => vec![group.description.clone()],
            "group-id" => vec![group.id.clone()],
            "group-name" => vec![group.name.clone()],
            "owner-id" => vec![scope.account.to_string()],
            "vpc-id" => vec![group.vpc.clone()],
            name if name.starts_with("tag") => filter::of_tags(&group.tags, name),
            name => match name.strip_prefix("egress.ip-permission.") {
                Some(part) => of_rules(state, scope, group, true, part),
                None => of_rules(state, scope, group, false, name.trim_start_matches("ip-permission.")),
            },
        })
    };
    LISTING.answer(
        &state.groups,
        scope,
        members,
        |group| &group.id,
        |group| {
            let asked = named.is_empty() || named.contains(&group.id);
            (asked && admitted(group)).then(|| shown(scope, group))
        },
    )
}

/// What the rules of a group say to a filter.
fn of_rules(state: &State, scope: &Scope, group: &Group, is_egress: bool, part: &str) -> Vec<String> {
    let rules = group.rules.iter().map(|rule| &rule.what).filter(|what| what.is_egress == is_egress);
    let value = |what: &Permission| match (part, &what.peer) {
        ("protocol", _) => Some(what.protocol.clone()),
        ("from-port", _) => what.ports.map(|(from, _)| from.to_string()),
        ("to-port", _) => what.ports.map(|(_, to)| to.to_string()),
        ("cidr", Peer::Ipv4(cidr)) | ("ipv6-cidr", Peer::Ipv6(cidr)) => Some(cidr.clone()),
        ("group-id", Peer::Group(id)) => Some(id.clone()),
        ("group-name", Peer::Group(id)) => {
            list::by_id(&state.groups, scope, id, &error::GROUP).ok().map(|group| group.name.clone())
        }
        ("user-id", Peer::Group(_)) => Some(scope.account.to_string()),
        _ => None,
    };
    rules.filter_map(value).collect()
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let scope = &ctx.scope;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let group = asked_for(state, scope, members)?;
    if group.name == DEFAULT {
        let text =
            format!("the specified group: \"{}\" name: \"{DEFAULT}\" cannot be deleted by a user", group.id);
        return Err(error::refusal("CannotDelete", text));
    }
    let of_this = Peer::Group(group.id.clone());
    let refers = |other: &Group| other.id != group.id && other.rules.iter().any(|it| it.what.peer == of_this);
    if list::all(&state.groups, scope).iter().any(|other| refers(other))
        || functions::are_in(state, ctx, "SecurityGroupIds", &group.id).await?
    {
        return Err(error::refusal(
            "DependencyViolation",
            format!("resource {} has a dependent object", group.id),
        ));
    }
    let mut changes = Changes::new(state, scope);
    changes.remove_group(&group.id);
    changes.commit().await?;
    Ok(Output::of(json!({ "Return": true, "GroupId": group.id })))
}
