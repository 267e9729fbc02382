//! Queues: made, found by name or URL, described, removed.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;

use crate::{Answer, Members, State, attributes, message, number, redrive, storage, text, texts};

/// A queue, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Queue {
    pub(crate) fn key(&self) -> Key {
        key(&self.account, &self.region, &self.name)
    }

    /// Whether messages come in the order of their groups, and once.
    pub(crate) fn is_fifo(&self) -> bool {
        self.attributes.contains_key("FifoQueue")
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        attributes::number(&self.attributes, name)
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sqs:{}:{}:{}", self.region, self.account, self.name)
    }

    fn url(&self, ctx: &CallContext) -> String {
        let in_region =
            if self.region == "us-east-1" { String::new() } else { format!("/queue/{}", self.region) };
        format!("{}{in_region}/{}/{}", ctx.endpoint, self.account, self.name)
    }
}

pub(crate) fn key(account: &str, region: &str, name: &str) -> Key {
    Key::new().text(account).text(region).text(name)
}

fn not_there() -> ServiceError {
    ServiceError::bad_request("QueueDoesNotExist", "The specified queue does not exist.")
}

/// The queue of a `QueueUrl`: the last two segments are account and name, a region may stand before them.
pub(crate) fn by_url(
    state: &State,
    ctx: &CallContext,
    members: &Members,
) -> Result<Arc<Queue>, ServiceError> {
    let url = text(members, "QueueUrl");
    let mut segments = url.trim_end_matches('/').rsplit('/');
    let name = segments.next().unwrap_or_default();
    let account = segments.next().filter(|it| it.len() == 12 && it.bytes().all(|byte| byte.is_ascii_digit()));
    let account = account.unwrap_or(&ctx.scope.account);
    let region = segments.next().filter(|_| segments.next() == Some("queue")).unwrap_or(&ctx.scope.region);
    state.queues.get(&key(account, region, name)).ok_or_else(not_there)
}

fn check_name(name: &str, fifo: bool) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let stem = if fifo { name.strip_suffix(".fifo") } else { Some(name) };
    if (1..=80).contains(&name.len()) && stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(plain))
    {
        return Ok(());
    }
    let message = if fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo \
         suffix and be 1 to 80 in length"
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    };
    Err(ServiceError::bad_request("InvalidParameterValue", message))
}

/// Whether attributes ask for a FIFO queue.
fn asks_for_fifo(given: &BTreeMap<String, String>) -> Result<bool, ServiceError> {
    match given.get("FifoQueue").map(String::as_str) {
        None => Ok(false),
        Some("true") => Ok(true),
        // Whether a queue is standard is not said.
        Some("false") => {
            Err(ServiceError::bad_request("InvalidAttributeName", "Unknown Attribute FifoQueue."))
        }
        Some(_) => Err(ServiceError::bad_request(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoQueue.",
        )),
    }
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let Scope { account, region } = &ctx.scope;
    let name = text(members, "QueueName");
    let mut given = texts(members, "Attributes");
    let fifo = asks_for_fifo(&given)?;
    check_name(name, fifo)?;
    attributes::check(&given, fifo)?;
    redrive::target_must_exist(state, &given, fifo)?;
    given.retain(|name, value| name != "RedrivePolicy" || !value.is_empty());
    let _turn = state.changing.turn(&key(account, region, name)).await;
    if let Some(queue) = state.queues.get(&key(account, region, name)) {
        let differs = given.iter().find(|(name, value)| {
            let usual = || attributes::of_fifo(&queue.attributes).find(|(known, _)| known == name);
            let current = queue.attributes.get(*name).cloned().or_else(|| usual().map(|(_, value)| value));
            let current = current.unwrap_or_else(|| queue.number(name).to_string());
            current != **value
        });
        if let Some((name, _)) = differs {
            let message = format!(
                "A queue already exists with the same name and a different value for attribute {name}"
            );
            return Err(ServiceError::bad_request("QueueNameExists", message));
        }
        return Ok(Output::of(json!({ "QueueUrl": queue.url(ctx) })));
    }
    let now = state.clock.now();
    let queue = Queue {
        name: name.to_owned(),
        account: account.to_string(),
        region: region.to_string(),
        created: now,
        modified: now,
        attributes: given,
        tags: texts(members, "tags"),
    };
    let queue = state.queues.put(queue.key(), queue).await.map_err(storage)?;
    Ok(Output::of(json!({ "QueueUrl": queue.url(ctx) })))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let found = by_url(state, ctx, members)?;
    let _turn = state.changing.turn(&found.key()).await;
    let queue = by_url(state, ctx, members)?;
    state.queues.remove(&queue.key()).await.map_err(storage)?;
    message::remove_all(state, &queue).await?;
    message::forget(state, &queue);
    state.deduplication.forget_queue(&queue).await?;
    Ok(Output::empty())
}

pub(crate) async fn purge(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = by_url(state, ctx, members)?;
    message::remove_all(state, &queue).await?;
    Ok(Output::empty())
}

pub(crate) fn get_url(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let Scope { account, region } = &ctx.scope;
    let owner = members.get("QueueOwnerAWSAccountId").and_then(Value::as_str).unwrap_or(account);
    let queue = state.queues.get(&key(owner, region, text(members, "QueueName"))).ok_or_else(not_there)?;
    Ok(Output::of(json!({ "QueueUrl": queue.url(ctx) })))
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let Scope { account, region } = &ctx.scope;
    let most = number(members, "MaxResults", 1, 1_000)?.and_then(|most| usize::try_from(most).ok());
    let after = match text(members, "NextToken") {
        "" => None,
        token => Some(aws_wire::PageToken::decode("ListQueues", token).ok_or_else(|| {
            let message = "Invalid or expired next token.";
            ServiceError::bad_request("InvalidParameterValue", message)
        })?),
    };
    let after = after.map(|token| key(account, region, &token.after));
    let named = Key::new().text(account).text(region).beginning(text(members, "QueueNamePrefix"));
    let limit = most.unwrap_or(1_000);
    let mut found = state.queues.page(&named, after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let mut out = Map::new();
    if !found.is_empty() {
        out.insert("QueueUrls".into(), found.iter().map(|queue| queue.url(ctx)).collect());
    }
    if let Some(last) = found.last().filter(|_| more && most.is_some()) {
        out.insert("NextToken".into(), aws_wire::PageToken::encode("ListQueues", &last.name).into());
    }
    Ok(Output { members: out, ..Output::default() })
}

pub(crate) fn get_attributes(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = by_url(state, ctx, members)?;
    let counts = message::counts(state, &queue);
    let mut all: BTreeMap<String, String> = queue.attributes.clone();
    all.extend(
        attributes::numbers(&queue.attributes).map(|(name, value)| (name.to_owned(), value.to_string())),
    );
    if queue.is_fifo() {
        let of_fifo = attributes::of_fifo(&queue.attributes);
        all.extend(of_fifo.map(|(name, value)| (name.to_owned(), value)));
    }
    all.entry("SqsManagedSseEnabled".to_owned()).or_insert_with(|| "true".to_owned());
    let seconds = |at: Timestamp| (at.millis() / 1_000).to_string();
    all.insert("CreatedTimestamp".to_owned(), seconds(queue.created));
    all.insert("LastModifiedTimestamp".to_owned(), seconds(queue.modified));
    all.insert("QueueArn".to_owned(), queue.arn());
    all.insert("ApproximateNumberOfMessages".to_owned(), counts.visible.to_string());
    all.insert("ApproximateNumberOfMessagesNotVisible".to_owned(), counts.taken.to_string());
    all.insert("ApproximateNumberOfMessagesDelayed".to_owned(), counts.delayed.to_string());
    let asked = members
        .get("AttributeNames")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let asked: Vec<&str> = asked.collect();
    if let Some(unknown) =
        asked.iter().find(|name| **name != "All" && !all.contains_key(**name) && !known(name))
    {
        let message = format!("Unknown Attribute {unknown}.");
        return Err(ServiceError::bad_request("InvalidAttributeName", message));
    }
    all.retain(|name, _| asked.contains(&"All") || asked.contains(&name.as_str()));
    Ok(Output::of(if all.is_empty() { json!({}) } else { json!({ "Attributes": all }) }))
}

/// Attributes that a queue may lack.
fn known(name: &str) -> bool {
    matches!(
        name,
        "Policy"
            | "RedrivePolicy"
            | "FifoQueue"
            | "ContentBasedDeduplication"
            | "KmsMasterKeyId"
            | "KmsDataKeyReusePeriodSeconds"
            | "DeduplicationScope"
            | "FifoThroughputLimit"
            | "RedriveAllowPolicy"
    )
}

pub(crate) async fn set_attributes(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let given = texts(members, "Attributes");
    let found = by_url(state, ctx, members)?;
    if given.get("FifoQueue").is_some_and(|fifo| (fifo == "true") != found.is_fifo()) {
        let message =
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.";
        return Err(ServiceError::bad_request("InvalidAttributeValue", message));
    }
    let mut together = found.attributes.clone();
    together.extend(given.clone());
    attributes::check(&together, found.is_fifo())?;
    redrive::target_must_exist(state, &given, found.is_fifo())?;
    let _turn = state.changing.turn(&found.key()).await;
    // It may have changed, or gone, since.
    let mut queue = (*by_url(state, ctx, members)?).clone();
    queue.attributes.extend(given);
    queue.attributes.retain(|name, value| name != "RedrivePolicy" || !value.is_empty());
    queue.modified = state.clock.now();
    state.queues.put(queue.key(), queue).await.map_err(storage)?;
    Ok(Output::empty())
}
