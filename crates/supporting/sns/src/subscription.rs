//! Subscriptions: who gets what is published.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Output, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;
use uuid::Uuid;

use crate::{
    Answer, Members, PAGE, State, delivery, filter, invalid, not_found, not_yet, parse_arn, position,
    scope_key, storage, text,
    topic::{self, Topic},
};

/// A subscription, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) topic: String,
    pub(crate) protocol: String,
    pub(crate) endpoint: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// What an HTTP server must give back before it gets messages.
    pub(crate) token: Option<String>,
}

impl Subscription {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    fn key(&self) -> Key {
        scope_key(&self.scope()).text(&self.topic).text(&self.id)
    }

    pub(crate) fn topic_arn(&self) -> String {
        self.scope().arn("sns", &self.topic)
    }

    pub(crate) fn arn(&self) -> String {
        format!("{}:{}", self.topic_arn(), self.id)
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.attributes.get(name).is_some_and(|value| value == "true")
    }

    fn shown(&self) -> Value {
        let arn = if self.token.is_some() { String::from("PendingConfirmation") } else { self.arn() };
        json!({
            "SubscriptionArn": arn, "Owner": self.account, "Protocol": self.protocol, "Endpoint": self.endpoint,
            "TopicArn": self.topic_arn(),
        })
    }
}

/// All subscriptions of a topic.
pub(crate) fn of_topic(state: &State, topic: &Topic) -> Vec<Arc<Subscription>> {
    state.subscriptions.page(&topic.key(), None, usize::MAX)
}

/// How many of a topic's are confirmed, and how many wait to be.
pub(crate) fn counts(state: &State, topic: &Topic) -> (usize, usize) {
    let all = of_topic(state, topic);
    let pending = all.iter().filter(|it| it.token.is_some()).count();
    (all.len() - pending, pending)
}

pub(crate) async fn remove_all(state: &State, topic: &Key) -> Result<(), ServiceError> {
    for subscription in state.subscriptions.page(topic, None, usize::MAX) {
        state.subscriptions.remove(&subscription.key()).await.map_err(storage)?;
    }
    Ok(())
}

fn key_of(arn: &str) -> Result<Key, ServiceError> {
    let (scope, resource) = parse_arn(arn, "SubscriptionArn")?;
    let (topic, id) = resource
        .split_once(':')
        .ok_or_else(|| invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 5"))?;
    Ok(scope_key(&scope).text(topic).text(id))
}

fn by_arn(state: &State, arn: &str) -> Result<Arc<Subscription>, ServiceError> {
    state.subscriptions.get(&key_of(arn)?).ok_or_else(|| not_found("Subscription"))
}

/// Checks an attribute of a subscription.
fn check_attribute(name: &str, value: &str) -> Result<(), ServiceError> {
    match name {
        "RawMessageDelivery" if matches!(value, "true" | "false") => Ok(()),
        "RawMessageDelivery" => Err(invalid(format!(
            "Attributes Reason: RawMessageDelivery: Invalid value [{value}]. Must be true or false."
        ))),
        // An empty policy takes a policy away.
        "FilterPolicy" if matches!(value, "" | "{}") => Ok(()),
        "FilterPolicy" => filter::parse(value).map(|_| ()),
        "FilterPolicyScope" if matches!(value, "MessageAttributes" | "MessageBody") => Ok(()),
        "FilterPolicyScope" => Err(invalid(format!(
            "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        ))),
        // The delivery policy of HTTP servers is AWS's default one.
        "DeliveryPolicy" | "RedrivePolicy" | "ReplayPolicy" | "SubscriptionRoleArn" => {
            Err(not_yet(&format!("the subscription attribute {name}")))
        }
        _ => Err(invalid("AttributeName")),
    }
}

fn check_endpoint(protocol: &str, endpoint: &str) -> Result<(), ServiceError> {
    let arn_of = |service: &str| endpoint.parse::<aws_wire::Arn>().is_ok_and(|arn| arn.service == service);
    match protocol {
        "sqs" if endpoint.ends_with(".fifo") => {
            Err(invalid("Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"))
        }
        "sqs" if arn_of("sqs") => Ok(()),
        "sqs" => Err(invalid("SQS endpoint ARN")),
        "lambda" if arn_of("lambda") => Ok(()),
        "lambda" => Err(invalid("Lambda endpoint ARN")),
        "http" | "https" if endpoint.starts_with(&format!("{protocol}://")) => Ok(()),
        "http" | "https" => Err(invalid("Endpoint must match the specified protocol")),
        "email" | "email-json" | "sms" | "application" | "firehose" => {
            Err(not_yet(&format!("subscriptions with the protocol {protocol}")))
        }
        other => Err(invalid(format!("Amazon SNS does not support this protocol string: {other}"))),
    }
}

pub(crate) async fn subscribe(state: &Arc<State>, ctx: &CallContext, members: &Members) -> Answer {
    let (protocol, endpoint) = (text(members, "Protocol"), text(members, "Endpoint"));
    check_endpoint(protocol, endpoint)?;
    let mut attributes = BTreeMap::new();
    for (name, value) in members.get("Attributes").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        check_attribute(name, value)?;
        attributes.insert(name.clone(), value.to_owned());
    }
    let arn = text(members, "TopicArn");
    let found = topic::by_arn(state, arn, "TopicArn")?;
    let _turn = state.changing.turn(&found.key()).await;
    let topic = topic::by_arn(state, arn, "TopicArn")?;
    let existing =
        of_topic(state, &topic).into_iter().find(|it| it.protocol == protocol && it.endpoint == endpoint);
    let subscription = match existing {
        Some(existing) => {
            let differs = attributes.iter().any(|(name, value)| existing.attributes.get(name) != Some(value));
            if differs {
                return Err(invalid(
                    "Attributes Reason: Subscription already exists with different attributes",
                ));
            }
            existing
        }
        None => {
            let confirms = matches!(protocol, "http" | "https");
            let made = Subscription {
                id: Uuid::new_v4().to_string(),
                account: topic.account.clone(),
                region: topic.region.clone(),
                topic: topic.name.clone(),
                protocol: protocol.to_owned(),
                endpoint: endpoint.to_owned(),
                attributes,
                token: confirms.then(|| format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())),
            };
            state.subscriptions.put(made.key(), made).await.map_err(storage)?
        }
    };
    if subscription.token.is_some() {
        delivery::ask_to_confirm(state, ctx, &subscription);
    }
    let wanted = members.get("ReturnSubscriptionArn").and_then(Value::as_bool).unwrap_or_default();
    let pending = subscription.token.is_some() && !wanted;
    let arn = if pending { String::from("pending confirmation") } else { subscription.arn() };
    Ok(Output::of(json!({ "SubscriptionArn": arn })))
}

pub(crate) async fn confirm(state: &State, members: &Members) -> Answer {
    let topic = topic::by_arn(state, text(members, "TopicArn"), "TopicArn")?;
    let _turn = state.changing.turn(&topic.key()).await;
    let token = text(members, "Token");
    let found = of_topic(state, &topic).into_iter().find(|it| it.token.as_deref() == Some(token));
    let mut subscription = (*found.ok_or_else(|| invalid("Token"))?).clone();
    subscription.token = None;
    let subscription = state.subscriptions.put(subscription.key(), subscription).await.map_err(storage)?;
    Ok(Output::of(json!({ "SubscriptionArn": subscription.arn() })))
}

pub(crate) async fn unsubscribe(state: &State, members: &Members) -> Answer {
    match by_arn(state, text(members, "SubscriptionArn")) {
        Ok(found) => {
            state.subscriptions.remove(&found.key()).await.map_err(storage)?;
            Ok(Output::empty())
        }
        // One that is not there is no error.
        Err(error) if error.code == "NotFound" => Ok(Output::empty()),
        Err(error) => Err(error),
    }
}

pub(crate) fn attributes(state: &State, members: &Members) -> Answer {
    let subscription = by_arn(state, text(members, "SubscriptionArn"))?;
    let mut all = subscription.attributes.clone();
    let mut put = |name: &str, value: &str| {
        all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    };
    put("SubscriptionArn", &subscription.arn());
    put("TopicArn", &subscription.topic_arn());
    put("Owner", &subscription.account);
    put("Protocol", &subscription.protocol);
    put("Endpoint", &subscription.endpoint);
    put("ConfirmationWasAuthenticated", "true");
    put("PendingConfirmation", if subscription.token.is_some() { "true" } else { "false" });
    put("RawMessageDelivery", "false");
    if subscription.attributes.contains_key("FilterPolicy") {
        put("FilterPolicyScope", "MessageAttributes");
    }
    Ok(Output::of(json!({ "Attributes": all })))
}

pub(crate) async fn set_attribute(state: &State, members: &Members) -> Answer {
    let arn = text(members, "SubscriptionArn");
    let (name, value) = (text(members, "AttributeName"), text(members, "AttributeValue"));
    check_attribute(name, value)?;
    let found = by_arn(state, arn)?;
    let topic = scope_key(&found.scope()).text(&found.topic);
    let _turn = state.changing.turn(&topic).await;
    let mut subscription = (*by_arn(state, arn)?).clone();
    if name == "FilterPolicy" && matches!(value, "" | "{}") {
        subscription.attributes.remove(name);
    } else {
        subscription.attributes.insert(name.to_owned(), value.to_owned());
    }
    state.subscriptions.put(subscription.key(), subscription).await.map_err(storage)?;
    Ok(Output::empty())
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    page(state, members, "ListSubscriptions", &scope_key(&ctx.scope))
}

pub(crate) fn list_by_topic(state: &State, members: &Members) -> Answer {
    let topic = topic::by_arn(state, text(members, "TopicArn"), "TopicArn")?;
    page(state, members, "ListSubscriptionsByTopic", &topic.key())
}

fn page(state: &State, members: &Members, listing: &str, prefix: &Key) -> Answer {
    let after = position(members, listing)?;
    let after = after.as_deref().map(key_of).transpose()?;
    let mut found = state.subscriptions.page(prefix, after.as_ref(), PAGE + 1);
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let mut out = Map::new();
    out.insert("Subscriptions".into(), found.iter().map(|it| it.shown()).collect());
    if let Some(last) = found.last().filter(|_| more) {
        out.insert("NextToken".into(), PageToken::encode(listing, &last.arn()).into());
    }
    Ok(Output { members: out, ..Output::default() })
}
