//! Tags of all resources: kept with them, changed and listed across them.

use std::collections::BTreeSet;

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};

use crate::{
    Answer, Members, State,
    change::Changes,
    error,
    error::Named,
    filter::Filters,
    list, prefix,
    record::{Group, Subnet, Tags, Vpc},
    texts,
};

/// As many tags a resource may have.
const MOST: usize = 50;

/// The tags of `TagSpecifications`, which must be of `kind`.
pub(crate) fn specified(members: &Members, kind: &str) -> Result<Tags, ServiceError> {
    let mut tags = Tags::new();
    for one in members.get("TagSpecifications").and_then(Value::as_array).into_iter().flatten() {
        match one["ResourceType"].as_str() {
            Some(given) if given == kind => {}
            Some(given) => {
                return Err(error::invalid(format!(
                    "'{given}' is not a valid taggable resource type for this operation."
                )));
            }
            None => return Err(error::missing("Tag specification resource type must have a value")),
        }
        tags.append(&mut read(&one["Tags"])?);
    }
    check_count(&tags)?;
    Ok(tags)
}

/// The tag that chooses a resource's id, for scripts that want one they know.
const CUSTOM_ID: &str = "_custom_id_";

/// The id of a new resource: that of its tag, which must not be had by another, or a fresh one.
pub(crate) fn new_id(
    tags: &Tags,
    named: &Named,
    taken: impl Fn(&str) -> bool,
) -> Result<String, ServiceError> {
    let Some(id) = tags.get(CUSTOM_ID) else {
        return Ok(crate::new_id(named.prefix.trim_end_matches('-')));
    };
    let rest = id.strip_prefix(named.prefix).unwrap_or_default();
    if rest.is_empty() || rest.len() > 64 || !rest.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Err(named.malformed(id));
    }
    if taken(id) {
        return Err(error::refusal(named.duplicate, format!("The id '{id}' is in use")));
    }
    Ok(id.clone())
}

fn check_count(tags: &Tags) -> Result<(), ServiceError> {
    if tags.len() <= MOST {
        return Ok(());
    }
    Err(error::refusal("TagLimitExceeded", format!("The maximum number of Tags for a resource is {MOST}.")))
}

/// A list of keys and values.
fn read(given: &Value) -> Result<Tags, ServiceError> {
    let mut tags = Tags::new();
    for tag in given.as_array().into_iter().flatten() {
        let key = tag["Key"].as_str().unwrap_or_default();
        let value = tag["Value"].as_str().unwrap_or_default();
        if key.is_empty() {
            return Err(error::invalid("Tag key cannot be null or empty"));
        }
        if key.chars().count() > 128 {
            return Err(error::invalid("Tag key exceeds the maximum length of 128 characters"));
        }
        if value.chars().count() > 256 {
            return Err(error::invalid("Tag value exceeds the maximum length of 256 characters"));
        }
        // CloudFormation's own tags: the deployment of templates sets none.
        if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
            return Err(error::invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

/// Puts tags into what is shown of a resource, if it has any.
pub(crate) fn show(shown: &mut Value, tags: &Tags) {
    if !tags.is_empty() {
        let listed = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        shown["Tags"] = listed.collect();
    }
}

pub(crate) async fn create(state: &State, scope: &Scope, members: &Members) -> Answer {
    let given = read(members.get("Tags").unwrap_or(&Value::Null))?;
    change(state, scope, members, |tags| tags.extend(given.clone())).await
}

/// `DeleteTags`: those of the keys that are named, with the values that are given; all where none is named.
pub(crate) async fn delete(state: &State, scope: &Scope, members: &Members) -> Answer {
    let given = members.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
    change(state, scope, members, |tags| {
        tags.retain(|key, value| {
            let meant = |tag: &Value| {
                tag["Key"] == **key && tag["Value"].as_str().is_none_or(|only| only == value.as_str())
            };
            !given.is_empty() && !given.iter().any(meant)
        });
    })
    .await
}

async fn change(state: &State, scope: &Scope, members: &Members, change: impl Fn(&mut Tags)) -> Answer {
    let ids: BTreeSet<&str> = texts(members, "Resources").into_iter().collect();
    if ids.is_empty() {
        return Err(error::missing("The request must contain the parameter resourceIdSet"));
    }
    let _turn = state.changing.turn(&prefix(scope)).await;
    let mut changes = Changes::new(state, scope);
    let changed = |tags: &mut Tags| {
        change(tags);
        check_count(tags)
    };
    let (rules, others): (Vec<&str>, Vec<&str>) =
        ids.into_iter().partition(|id| id.starts_with(error::RULE.prefix));
    // A group that is named itself and by its rules is changed once, with all of them.
    let mut groups: Vec<Group> = Vec::new();
    for id in others {
        if id.starts_with(error::VPC.prefix) {
            let mut vpc = Vpc::clone(&*list::by_id(&state.vpcs, scope, id, &error::VPC)?);
            changed(&mut vpc.tags)?;
            changes.vpc(vpc)?;
        } else if id.starts_with(error::SUBNET.prefix) {
            let mut subnet = Subnet::clone(&*list::by_id(&state.subnets, scope, id, &error::SUBNET)?);
            changed(&mut subnet.tags)?;
            changes.subnet(subnet)?;
        } else if id.starts_with(error::GROUP.prefix) {
            let mut group = Group::clone(&*list::by_id(&state.groups, scope, id, &error::GROUP)?);
            changed(&mut group.tags)?;
            groups.push(group);
        } else {
            return Err(error::refusal("InvalidID", format!("The ID '{id}' is not valid")));
        }
    }
    for id in rules {
        let has = |group: &Group| group.rules.iter().any(|rule| rule.id == id);
        if !groups.iter().any(has) {
            let all = list::all(&state.groups, scope);
            let found = all.iter().find(|group| has(group)).ok_or_else(|| error::RULE.unknown(&[id]))?;
            groups.push(Group::clone(found));
        }
        for rule in groups.iter_mut().flat_map(|group| &mut group.rules).filter(|rule| rule.id == id) {
            changed(&mut rule.tags)?;
        }
    }
    groups.into_iter().try_for_each(|group| changes.group(group))?;
    changes.commit().await?;
    Ok(Output::empty())
}

const LISTING: list::Listing =
    // There are no ids to ask for: filters do that.
    list::Listing { operation: "DescribeTags", ids: "", named: &error::VPC, answer: "Tags" };

const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "tag-key", "value"];

/// A tag, and whose it is.
struct Tagged {
    id: String,
    kind: &'static str,
    key: String,
    value: String,
}

/// `DescribeTags`: all of them, by the ids of what has them.
pub(crate) fn describe(state: &State, scope: &Scope, members: &Members) -> Answer {
    let filters = Filters::read(members, FILTERS)?;
    if let Some(most) =
        members.get("MaxResults").and_then(Value::as_i64).filter(|it| !(5..=1000).contains(it))
    {
        return Err(error::invalid(format!(
            "Value ({most}) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
        )));
    }
    let mut all = Vec::new();
    let mut add = |id: &str, kind: &'static str, tags: &Tags| {
        for (key, value) in tags {
            all.push(Tagged { id: id.to_owned(), kind, key: key.clone(), value: value.clone() });
        }
    };
    for group in list::all(&state.groups, scope) {
        add(&group.id, "security-group", &group.tags);
        group.rules.iter().for_each(|rule| add(&rule.id, "security-group-rule", &rule.tags));
    }
    list::all(&state.subnets, scope).iter().for_each(|it| add(&it.id, "subnet", &it.tags));
    list::all(&state.vpcs, scope).iter().for_each(|it| add(&it.id, "vpc", &it.tags));
    all.sort_by(|one, other| (&one.id, &one.key).cmp(&(&other.id, &other.key)));
    let admitted = |tag: &Tagged| {
        filters.admit(|name| match name {
            "key" | "tag-key" => vec![tag.key.clone()],
            "resource-id" => vec![tag.id.clone()],
            "resource-type" => vec![tag.kind.to_owned()],
            "value" => vec![tag.value.clone()],
            name if name.strip_prefix("tag:") == Some(&tag.key) => vec![tag.value.clone()],
            _ => Vec::new(),
        })
    };
    LISTING.page(members, |after| {
        all.iter()
            .map(|tag| (format!("{}\u{1}{}", tag.id, tag.key), tag))
            .filter(move |(place, _)| after.as_ref().is_none_or(|after| place > after))
            .filter(move |(_, tag)| admitted(tag))
            .map(|(place, tag)| {
                let shown = json!({
                    "Key": tag.key, "ResourceId": tag.id, "ResourceType": tag.kind, "Value": tag.value,
                });
                (place, shown)
            })
    })
}
