//! Messages: sent, received, hidden for a while, deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_wire::ServiceError;
use md5::{Digest as _, Md5};
use runtime::{CallContext, Output, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;
use uuid::Uuid;

use crate::{Answer, Members, State, number, queue, queue::Queue, storage, text};

/// A message, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Orders messages within a queue: the moment it was sent and a random tail.
    sequence: (u64, u64),
    id: String,
    body: String,
    attributes: BTreeMap<String, Value>,
    trace_header: Option<String>,
    sender: String,
    sent: Timestamp,
    /// When it can next be received.
    visible: Timestamp,
    first_received: Option<Timestamp>,
    receives: u64,
    /// The current receipt, once it has been received.
    receipt: Option<String>,
}

/// How many messages a queue has, as its attributes tell.
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) taken: usize,
    pub(crate) delayed: usize,
}

impl Message {
    fn key(&self, queue: &Queue) -> Key {
        queue.key().number(self.sequence.0).number(self.sequence.1)
    }
}

fn all(state: &State, queue: &Queue) -> Vec<Arc<Message>> {
    state.messages.page(&queue.key(), None, usize::MAX)
}

pub(crate) fn counts(state: &State, queue: &Queue) -> Counts {
    let now = state.clock.now();
    let mut counts = Counts { visible: 0, taken: 0, delayed: 0 };
    for message in all(state, queue) {
        match () {
            () if message.visible <= now => counts.visible += 1,
            () if message.receives > 0 => counts.taken += 1,
            () => counts.delayed += 1,
        }
    }
    counts
}

pub(crate) async fn remove_all(state: &State, queue: &Queue) -> Result<(), ServiceError> {
    // Who is taking a message would put it back.
    let _alone = state.taking.lock().await;
    for message in all(state, queue) {
        state.messages.remove(&message.key(queue)).await.map_err(storage)?;
    }
    Ok(())
}

fn md5(text: &[u8]) -> String {
    aws_wire::sigv4::hex(&Md5::digest(text))
}

/// The checksum of message attributes: each name, type and value with its length, in the order of the names (SQS
/// Developer Guide, "Calculating the MD5 message digest for message attributes").
fn md5_of_attributes(attributes: &BTreeMap<String, Value>) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    let mut add = |part: &[u8], mark: Option<u8>| {
        bytes.extend(mark);
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(part);
    };
    for (name, value) in attributes {
        let part = |name: &str| value.get(name).and_then(Value::as_str);
        add(name.as_bytes(), None);
        add(part("DataType").unwrap_or_default().as_bytes(), None);
        match part("StringValue") {
            Some(text) => add(text.as_bytes(), Some(1)),
            None => add(&decode(part("BinaryValue").unwrap_or_default()), Some(2)),
        }
    }
    Some(md5(&bytes))
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.decode(base64).unwrap_or_default()
}

/// Stores one message; `entry` is a SendMessage request or an entry of a batch.
async fn store(
    state: &State,
    ctx: &CallContext,
    queue: &Queue,
    entry: &Members,
) -> Result<Value, ServiceError> {
    for name in ["MessageDeduplicationId", "MessageGroupId"] {
        if entry.contains_key(name) {
            return Err(ServiceError::not_implemented(format!(
                "Tule does not implement FIFO queues yet ({name})"
            )));
        }
    }
    let body = text(entry, "MessageBody");
    let attributes = entry.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let attributes: BTreeMap<String, Value> = attributes.into_iter().collect();
    check(queue, body, &attributes)?;
    let now = state.clock.now();
    let delay = number(entry, "DelaySeconds", 0, 900)?.unwrap_or_else(|| queue.number("DelaySeconds"));
    let id = Uuid::new_v4();
    let message = Message {
        sequence: (u64::try_from(now.millis()).unwrap_or_default(), id.as_u64_pair().0),
        id: id.to_string(),
        body: body.to_owned(),
        attributes,
        trace_header: ctx.trace_id.as_deref().map(str::to_owned),
        sender: ctx.scope.account.to_string(),
        sent: now,
        visible: now.plus(Duration::from_secs(delay)),
        first_received: None,
        receives: 0,
        receipt: None,
    };
    let mut answer = json!({ "MessageId": message.id, "MD5OfMessageBody": md5(body.as_bytes()) });
    if let Some(md5) = md5_of_attributes(&message.attributes) {
        answer["MD5OfMessageAttributes"] = Value::from(md5);
    }
    state.messages.put(message.key(queue), message).await.map_err(storage)?;
    state.arrival.notify_waiters();
    Ok(answer)
}

fn check(queue: &Queue, body: &str, attributes: &BTreeMap<String, Value>) -> Result<(), ServiceError> {
    if body.is_empty() {
        let message = "The request must contain the parameter MessageBody.";
        return Err(ServiceError::bad_request("MissingParameter", message));
    }
    let size: usize = body.len()
        + attributes.iter().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
    let most = queue.number("MaximumMessageSize");
    if size as u64 > most {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {most} bytes.");
        return Err(ServiceError::bad_request("InvalidParameterValue", message));
    }
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if !body.chars().all(allowed) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to \
                       #xFFFD | #x10000 to #x10FFFF";
        return Err(ServiceError::bad_request("InvalidMessageContents", message));
    }
    Ok(())
}

pub(crate) async fn send(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    store(state, ctx, &queue, members).await.map(Output::of)
}

/// The entries of a batch, as many as a batch may have.
fn entries(members: &Members) -> Result<impl Iterator<Item = &Members>, ServiceError> {
    let entries = members.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() {
        let message = "There should be at least one entry in the request.";
        return Err(ServiceError::bad_request("EmptyBatchRequest", message));
    }
    if entries.len() > 10 {
        let message =
            format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Err(ServiceError::bad_request("TooManyEntriesInBatchRequest", message));
    }
    let mut ids = BTreeSet::new();
    for entry in entries {
        let id = entry.get("Id").and_then(Value::as_str).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=80).contains(&id.len()) || !id.bytes().all(plain) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be \
                           at most 80 letters long.";
            return Err(ServiceError::bad_request("InvalidBatchEntryId", message));
        }
        if !ids.insert(id) {
            let message = format!("Id {id} repeated.");
            return Err(ServiceError::bad_request("BatchEntryIdsNotDistinct", message));
        }
    }
    Ok(entries.iter().filter_map(Value::as_object))
}

/// What came of each entry of a batch.
#[derive(Default)]
struct Results {
    done: Vec<Value>,
    failed: Vec<Value>,
}

impl Results {
    fn add(&mut self, entry: &Members, result: Result<Value, ServiceError>) {
        let id = text(entry, "Id");
        match result {
            Ok(mut answer) => {
                answer["Id"] = Value::from(id);
                self.done.push(answer);
            }
            Err(error) => self.failed.push(json!({
                "Id": id, "SenderFault": error.status < 500, "Code": error.code, "Message": error.message
            })),
        }
    }

    fn answer(self) -> Output {
        let mut out = Map::new();
        out.insert("Successful".into(), Value::Array(self.done));
        if !self.failed.is_empty() {
            out.insert("Failed".into(), Value::Array(self.failed));
        }
        Output { members: out, ..Output::default() }
    }
}

pub(crate) async fn send_batch(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    let mut results = Results::default();
    for entry in entries(members)? {
        results.add(entry, store(state, ctx, &queue, entry).await);
    }
    Ok(results.answer())
}

pub(crate) async fn receive(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    let most = number(members, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let hidden = number(members, "VisibilityTimeout", 0, 43_200)?;
    let hidden = Duration::from_secs(hidden.unwrap_or_else(|| queue.number("VisibilityTimeout")));
    let wait = number(members, "WaitTimeSeconds", 0, 20)?
        .unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
    let until = state.clock.now().plus(Duration::from_secs(wait));
    loop {
        let arrival = state.arrival.notified();
        let taken = take(state, &queue, most, hidden).await?;
        let now = state.clock.now();
        if !taken.is_empty() || now >= until {
            let shown: Vec<Value> = taken.iter().map(|message| shown(message, members)).collect();
            return Ok(Output::of(if shown.is_empty() { json!({}) } else { json!({ "Messages": shown }) }));
        }
        let next = all(state, &queue).iter().map(|message| message.visible).filter(|at| *at > now).min();
        let wake = next.map_or(until, |next| next.min(until));
        tokio::select! {
            () = arrival => {}
            () = state.clock.sleep_until(wake) => {}
        }
    }
}

/// Messages looked at at a time.
const LOOKED_AT: usize = 64;

async fn take(
    state: &State,
    queue: &Queue,
    most: u64,
    hidden: Duration,
) -> Result<Vec<Arc<Message>>, ServiceError> {
    let _alone = state.taking.lock().await;
    let now = state.clock.now();
    let kept = Duration::from_secs(queue.number("MessageRetentionPeriod"));
    let mut taken = Vec::new();
    let mut position = None;
    loop {
        // Most often the first few are free: a receiver does not look at all of a long queue.
        let found = state.messages.page(&queue.key(), position.as_ref(), LOOKED_AT);
        let Some(last) = found.last() else { return Ok(taken) };
        position = Some(last.key(queue));
        for message in found {
            if message.sent.plus(kept) <= now {
                state.messages.remove(&message.key(queue)).await.map_err(storage)?;
                continue;
            }
            if message.visible > now {
                continue;
            }
            let mut message = (*message).clone();
            message.visible = now.plus(hidden);
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.receipt = Some(receipt(&message));
            taken.push(state.messages.put(message.key(queue), message).await.map_err(storage)?);
            if taken.len() as u64 == most {
                return Ok(taken);
            }
        }
    }
}

/// A receipt names its message's place, so that deleting needs no search.
fn receipt(message: &Message) -> String {
    format!("{:x}-{:x}-{}", message.sequence.0, message.sequence.1, Uuid::new_v4().simple())
}

fn shown(message: &Message, members: &Members) -> Value {
    let asked = |list: &str| -> Vec<&str> {
        members.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let mut system = asked("AttributeNames");
    system.extend(asked("MessageSystemAttributeNames"));
    let mut out = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.receipt,
        "MD5OfBody": md5(message.body.as_bytes()),
        "Body": message.body,
    });
    let mut attributes = Map::new();
    let first = message.first_received.unwrap_or(message.sent);
    for (name, value) in [
        ("SenderId", Some(message.sender.clone())),
        ("SentTimestamp", Some(message.sent.millis().to_string())),
        ("ApproximateReceiveCount", Some(message.receives.to_string())),
        ("ApproximateFirstReceiveTimestamp", Some(first.millis().to_string())),
        ("AWSTraceHeader", message.trace_header.clone()),
    ] {
        if let Some(value) = value.filter(|_| system.contains(&"All") || system.contains(&name)) {
            attributes.insert(name.to_owned(), Value::from(value));
        }
    }
    if !attributes.is_empty() {
        out["Attributes"] = Value::Object(attributes);
    }
    let names = asked("MessageAttributeNames");
    let wanted = |name: &str| {
        names.iter().any(|it| {
            *it == "All"
                || *it == ".*"
                || *it == name
                || it.strip_suffix(".*").is_some_and(|it| name.starts_with(it))
        })
    };
    let chosen: BTreeMap<String, Value> = message
        .attributes
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if let Some(md5) = md5_of_attributes(&chosen) {
        out["MD5OfMessageAttributes"] = Value::from(md5);
        out["MessageAttributes"] = json!(chosen);
    }
    out
}

/// The message of a receipt, and whether the receipt is its latest.
fn by_receipt(state: &State, queue: &Queue, receipt: &str) -> Result<Option<Arc<Message>>, ServiceError> {
    let invalid = || {
        let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
        ServiceError::new("ReceiptHandleIsInvalid", 404, message)
    };
    let mut parts = receipt.split('-');
    let mut number = || parts.next().and_then(|part| u64::from_str_radix(part, 16).ok()).ok_or_else(invalid);
    let key = queue.key().number(number()?).number(number()?);
    Ok(state.messages.get(&key).filter(|message| message.receipt.as_deref() == Some(receipt)))
}

async fn delete_one(state: &State, queue: &Queue, receipt: &str) -> Result<Value, ServiceError> {
    if let Some(message) = by_receipt(state, queue, receipt)? {
        state.messages.remove(&message.key(queue)).await.map_err(storage)?;
    }
    Ok(json!({}))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    delete_one(state, &queue, text(members, "ReceiptHandle")).await.map(|_| Output::empty())
}

pub(crate) async fn delete_batch(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    let mut results = Results::default();
    for entry in entries(members)? {
        results.add(entry, delete_one(state, &queue, text(entry, "ReceiptHandle")).await);
    }
    Ok(results.answer())
}

pub(crate) async fn change_visibility(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    let seconds = number(members, "VisibilityTimeout", 0, 43_200)?.unwrap_or_default();
    let _alone = state.taking.lock().await;
    let found = by_receipt(state, &queue, text(members, "ReceiptHandle"))?;
    let now = state.clock.now();
    let found = found.filter(|message| message.visible > now).ok_or_else(|| {
        let message = "The specified message isn't in flight or the receipt handle has expired.";
        ServiceError::bad_request("MessageNotInflight", message)
    })?;
    let message = Message { visible: now.plus(Duration::from_secs(seconds)), ..(*found).clone() };
    state.messages.put(message.key(&queue), message).await.map_err(storage)?;
    state.arrival.notify_waiters();
    Ok(Output::empty())
}
