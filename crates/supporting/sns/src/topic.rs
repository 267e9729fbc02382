//! Topics: made, described, removed.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Output, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;

use crate::{
    Answer, Members, PAGE, State, invalid, not_found, not_yet, parse_arn, position, scope_key, storage,
    subscription, tags, text,
};

/// A topic, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Topic {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    pub(crate) fn key(&self) -> Key {
        key(&self.scope(), &self.name)
    }

    pub(crate) fn arn(&self) -> String {
        self.scope().arn("sns", &self.name)
    }
}

fn key(scope: &Scope, name: &str) -> Key {
    scope_key(scope).text(name)
}

/// The topic of an ARN.
pub(crate) fn by_arn(state: &State, arn: &str, parameter: &str) -> Result<Arc<Topic>, ServiceError> {
    let (scope, name) = parse_arn(arn, parameter)?;
    state.topics.get(&key(&scope, &name)).ok_or_else(|| not_found("Topic"))
}

/// Attributes that are only kept and shown: access and encryption have no effect on this machine.
const SHOWN: &[&str] =
    &["DeliveryPolicy", "DisplayName", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig"];

fn check_attribute(name: &str) -> Result<(), ServiceError> {
    match name {
        name if SHOWN.contains(&name) => Ok(()),
        "ArchivePolicy"
        | "BeginningArchiveTime"
        | "ContentBasedDeduplication"
        | "DataProtectionPolicy"
        | "FifoThroughputScope"
        | "FifoTopic" => Err(not_yet(&format!("the topic attribute {name}"))),
        name if name.ends_with("FeedbackRoleArn") || name.ends_with("FeedbackSampleRate") => {
            Err(not_yet(&format!("the topic attribute {name}")))
        }
        _ => Err(invalid("AttributeName")),
    }
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let name = text(members, "Name");
    if !text(members, "DataProtectionPolicy").is_empty() {
        return Err(not_yet("DataProtectionPolicy"));
    }
    if name.ends_with(".fifo") {
        return Err(not_yet("FIFO topics (Name)"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=256).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(invalid("Topic Name"));
    }
    let given = members.get("Attributes").and_then(Value::as_object);
    let mut attributes = BTreeMap::new();
    for (name, value) in given.into_iter().flatten() {
        // A standard topic says that it is no FIFO topic.
        if name == "FifoTopic" && value == "false" {
            continue;
        }
        check_attribute(name)?;
        attributes.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    let given_tags = tags::of(members);
    let key = key(&ctx.scope, name);
    let _turn = state.changing.turn(&key).await;
    if let Some(topic) = state.topics.get(&key) {
        if attributes.iter().any(|(name, value)| topic.attributes.get(name) != Some(value)) {
            return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
        }
        if given_tags.iter().any(|(name, value)| topic.tags.get(name) != Some(value)) {
            return Err(invalid("Tags Reason: Topic already exists with different tags"));
        }
        return Ok(Output::of(json!({ "TopicArn": topic.arn() })));
    }
    let topic = Topic {
        name: name.to_owned(),
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        attributes,
        tags: given_tags,
    };
    let topic = state.topics.put(key, topic).await.map_err(storage)?;
    Ok(Output::of(json!({ "TopicArn": topic.arn() })))
}

pub(crate) async fn delete(state: &State, members: &Members) -> Answer {
    let (scope, name) = parse_arn(text(members, "TopicArn"), "TopicArn")?;
    let key = key(&scope, &name);
    let _turn = state.changing.turn(&key).await;
    // One that is not there is no error.
    if state.topics.remove(&key).await.map_err(storage)?.is_some() {
        subscription::remove_all(state, &key).await?;
    }
    Ok(Output::empty())
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let after = position(members, "ListTopics")?.map(|name| key(&ctx.scope, &name));
    let mut found = state.topics.page(&scope_key(&ctx.scope), after.as_ref(), PAGE + 1);
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let mut out = Map::new();
    out.insert("Topics".into(), found.iter().map(|topic| json!({ "TopicArn": topic.arn() })).collect());
    if let Some(last) = found.last().filter(|_| more) {
        out.insert("NextToken".into(), PageToken::encode("ListTopics", &last.name).into());
    }
    Ok(Output { members: out, ..Output::default() })
}

pub(crate) fn attributes(state: &State, members: &Members) -> Answer {
    let topic = by_arn(state, text(members, "TopicArn"), "TopicArn")?;
    let (confirmed, pending) = subscription::counts(state, &topic);
    let mut all = topic.attributes.clone();
    let mut put = |name: &str, value: String| {
        all.entry(name.to_owned()).or_insert(value);
    };
    put("TopicArn", topic.arn());
    put("Owner", topic.account.clone());
    put("DisplayName", String::new());
    put("SubscriptionsConfirmed", confirmed.to_string());
    put("SubscriptionsPending", pending.to_string());
    put("SubscriptionsDeleted", String::from("0"));
    put("Policy", default_policy(&topic));
    put("EffectiveDeliveryPolicy", crate::delivery::POLICY.to_owned());
    Ok(Output::of(json!({ "Attributes": all })))
}

fn default_policy(topic: &Topic) -> String {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    json!({
        "Version": "2008-10-17", "Id": "__default_policy_ID",
        "Statement": [{
            "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": actions.map(|action| format!("SNS:{action}")), "Resource": topic.arn(),
            "Condition": { "StringEquals": { "AWS:SourceOwner": topic.account } },
        }],
    })
    .to_string()
}

pub(crate) async fn set_attribute(state: &State, members: &Members) -> Answer {
    let arn = text(members, "TopicArn");
    let name = text(members, "AttributeName");
    check_attribute(name)?;
    let found = by_arn(state, arn, "TopicArn")?;
    let _turn = state.changing.turn(&found.key()).await;
    let mut topic = (*by_arn(state, arn, "TopicArn")?).clone();
    topic.attributes.insert(name.to_owned(), text(members, "AttributeValue").to_owned());
    state.topics.put(topic.key(), topic).await.map_err(storage)?;
    Ok(Output::empty())
}
