//! The rules of security groups: added, taken away, described. They are kept and shown; nothing is stopped by them.

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    error,
    filter::{self, Filters},
    group, list, new_id, permission, prefix,
    record::{Group, Peer, Rule},
    tags, texts,
};

/// As many rules a group may have in each direction.
const MOST: usize = 60;

pub(crate) async fn authorize(state: &State, scope: &Scope, members: &Members, is_egress: bool) -> Answer {
    let tags = tags::specified(members, "security-group-rule")?;
    let _turn = state.changing.turn(&prefix(scope)).await;
    let mut group = Group::clone(&*group::asked_for(state, scope, members)?);
    let asked = permission::asked(state, scope, &group, members, is_egress)?;
    let mut added = Vec::with_capacity(asked.len());
    for (what, description) in asked {
        if group.rules.iter().any(|rule| rule.what == what) {
            let told = permission::told(&what);
            let text = format!("the specified rule \"{told}\" already exists");
            return Err(error::refusal("InvalidPermission.Duplicate", text));
        }
        let rule = Rule { id: new_id("sgr"), what, description, tags: tags.clone() };
        added.push(permission::rule_shown(scope, &group, &rule));
        group.rules.push(rule);
    }
    if group.rules.iter().filter(|rule| rule.what.is_egress == is_egress).count() > MOST {
        return Err(error::refusal(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    let mut changes = Changes::new(state, scope);
    changes.group(group)?;
    changes.commit().await?;
    Ok(Output::of(json!({ "Return": true, "SecurityGroupRules": added })))
}

pub(crate) async fn revoke(state: &State, scope: &Scope, members: &Members, is_egress: bool) -> Answer {
    let _turn = state.changing.turn(&prefix(scope)).await;
    let mut group = Group::clone(&*group::asked_for(state, scope, members)?);
    let ids = texts(members, "SecurityGroupRuleIds");
    let mut places = Vec::new();
    if ids.is_empty() {
        for (what, _) in permission::asked(state, scope, &group, members, is_egress)? {
            places.push(group.rules.iter().position(|rule| rule.what == what).ok_or_else(|| {
                error::refusal(
                    "InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.",
                )
            })?);
        }
    } else {
        for id in ids {
            let found = group.rules.iter().position(|rule| rule.id == id && rule.what.is_egress == is_egress);
            places.push(found.ok_or_else(|| error::RULE.unknown(&[id]))?);
        }
    }
    places.sort_unstable();
    places.dedup();
    let revoked: Vec<Value> = places.iter().map(|at| revoked(&group, &group.rules[*at])).collect();
    let mut at = 0;
    group.rules.retain(|_| {
        at += 1;
        !places.contains(&(at - 1))
    });
    let mut changes = Changes::new(state, scope);
    changes.group(group)?;
    changes.commit().await?;
    Ok(Output::of(json!({ "Return": true, "RevokedSecurityGroupRules": revoked })))
}

/// A rule as it is shown when it is taken away.
fn revoked(group: &Group, rule: &Rule) -> Value {
    let (from, to) = rule.what.ports.unwrap_or((-1, -1));
    let mut shown = json!({
        "SecurityGroupRuleId": rule.id, "GroupId": group.id, "IsEgress": rule.what.is_egress,
        "IpProtocol": rule.what.protocol, "FromPort": from, "ToPort": to,
    });
    let (name, peer) = match &rule.what.peer {
        Peer::Ipv4(peer) => ("CidrIpv4", peer),
        Peer::Ipv6(peer) => ("CidrIpv6", peer),
        Peer::Group(peer) => ("ReferencedGroupId", peer),
    };
    shown[name] = peer.as_str().into();
    if let Some(description) = &rule.description {
        shown["Description"] = description.as_str().into();
    }
    shown
}

const LISTING: list::Listing = list::Listing {
    operation: "DescribeSecurityGroupRules",
    ids: "SecurityGroupRuleIds",
    named: &error::RULE,
    answer: "SecurityGroupRules",
};

const FILTERS: &[&str] = &["group-id", "security-group-rule-id", "tag-key"];

/// `DescribeSecurityGroupRules`: by the ids of their groups, then by their own places.
pub(crate) fn describe(state: &State, scope: &Scope, members: &Members) -> Answer {
    let filters = Filters::read(members, FILTERS)?;
    let ids = texts(members, "SecurityGroupRuleIds");
    let groups = list::all(&state.groups, scope);
    must_exist(&groups, &ids)?;
    let admitted = |group: &Group, rule: &Rule| {
        filters.admit(|name| match name {
            "group-id" => vec![group.id.clone()],
            "security-group-rule-id" => vec![rule.id.clone()],
            name => filter::of_tags(&rule.tags, name),
        })
    };
    LISTING.page(members, |after| {
        let all = groups.iter().flat_map(|group| {
            group
                .rules
                .iter()
                .enumerate()
                .map(move |(at, rule)| (format!("{} {at:04}", group.id), group, rule))
        });
        all.filter(move |(place, _, _)| after.as_ref().is_none_or(|after| place > after))
            .filter(|(_, group, rule)| {
                (ids.is_empty() || ids.contains(&rule.id.as_str())) && admitted(group, rule)
            })
            .map(|(place, group, rule)| (place, permission::rule_shown(scope, group, rule)))
    })
}

fn must_exist(groups: &[std::sync::Arc<Group>], ids: &[&str]) -> Result<(), ServiceError> {
    let known = |id: &str| groups.iter().any(|group| group.rules.iter().any(|rule| rule.id == id));
    let missing: Vec<&str> = ids.iter().copied().filter(|id| !known(id)).collect();
    if missing.is_empty() { Ok(()) } else { Err(error::RULE.unknown(&missing)) }
}
