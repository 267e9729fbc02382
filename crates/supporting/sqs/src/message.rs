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

use crate::{
    Answer, Members, State, deduplication,
    groups::Claimed,
    line::{Counts, Hidden, Line, Sequence},
    message_attributes, number, queue,
    queue::Queue,
    redrive, storage, text,
};

/// A message, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    /// Orders messages within a queue: the moment it was sent and a random tail.
    sequence: Sequence,
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
    /// The queue that it was moved from, where it was received too often.
    #[serde(default)]
    dead_letter_source: Option<String>,
    /// The group that it comes in.
    #[serde(default)]
    group: Option<String>,
    /// What it is known by, in FIFO queues.
    #[serde(default)]
    deduplication: Option<String>,
}

impl Message {
    fn key(&self, queue: &Queue) -> Key {
        key(queue, self.sequence)
    }

    fn hidden(&self) -> Hidden {
        if self.receives > 0 { Hidden::Taken } else { Hidden::Delayed }
    }

    /// `SequenceNumber`, in FIFO queues: it grows.
    fn sequence_number(&self) -> Option<String> {
        self.deduplication.as_ref().map(|_| shown_sequence(self.sequence))
    }
}

/// Twenty digits, as AWS has them.
fn shown_sequence((moment, tail): Sequence) -> String {
    format!("{:020}", (u128::from(moment) << 20) + u128::from(tail))
}

fn key(queue: &Queue, (moment, tail): Sequence) -> Key {
    queue.key().number(moment).number(tail)
}

fn all(state: &State, queue: &Queue) -> Vec<Arc<Message>> {
    state.messages.page(&queue.key(), None, usize::MAX)
}

/// The order of a queue's messages.
fn line(state: &State, queue: &Queue) -> Arc<Line> {
    Arc::clone(&state.lines.entry(queue.key().into()).or_default())
}

/// Makes the order of a queue that was stored.
pub(crate) fn line_up(state: &State, queue: &Queue) {
    let (line, now) = (line(state, queue), state.clock.now());
    for message in all(state, queue) {
        line.join(message.sequence, message.group.as_deref().filter(|_| queue.is_fifo()));
        line.place(message.sequence, message.visible, message.hidden(), now);
    }
}

pub(crate) fn counts(state: &State, queue: &Queue) -> Counts {
    line(state, queue).counts(state.clock.now())
}

/// Removes a message, in its turn.
async fn remove(state: &State, queue: &Queue, message: &Message) -> Result<(), ServiceError> {
    state.messages.remove(&message.key(queue)).await.map_err(storage)?;
    line(state, queue).remove(message.sequence);
    Ok(())
}

pub(crate) async fn remove_all(state: &State, queue: &Queue) -> Result<(), ServiceError> {
    for message in all(state, queue) {
        let _turn = state.changing.turn(&message.key(queue)).await;
        remove(state, queue, &message).await?;
    }
    Ok(())
}

/// Forgets the order of a queue that is gone.
pub(crate) fn forget(state: &State, queue: &Queue) {
    state.lines.remove(queue.key().as_bytes());
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
    let body = text(entry, "MessageBody");
    let attributes = entry.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let attributes: BTreeMap<String, Value> = attributes.into_iter().collect();
    check(queue, body, &attributes)?;
    let delay = number(entry, "DelaySeconds", 0, 900)?;
    let Sending { group, deduplication } = sending(queue, entry, body, delay)?;
    let delay = delay.unwrap_or_else(|| queue.number("DelaySeconds"));
    let mut answer = json!({ "MD5OfMessageBody": md5(body.as_bytes()) });
    if let Some(md5) = md5_of_attributes(&attributes) {
        answer["MD5OfMessageAttributes"] = Value::from(md5);
    }
    // Messages of a FIFO queue are stored, and come, in the order in which they are taken.
    let _turn = match &deduplication {
        Some(_) => Some(state.sending.turn(&queue.key()).await),
        None => None,
    };
    let now = state.clock.now();
    let name = deduplication
        .as_deref()
        .map(|id| deduplication::name(queue, group.as_deref().unwrap_or_default(), id));
    if let Some(sent) = name.as_ref().and_then(|name| state.deduplication.find(name, now)) {
        answer["MessageId"] = sent.id.as_str().into();
        answer["SequenceNumber"] = shown_sequence(sent.sequence).into();
        return Ok(answer);
    }
    let line = line(state, queue);
    let id = Uuid::new_v4();
    let message = Message {
        sequence: match &deduplication {
            Some(_) => line.behind_all(now),
            None => (u64::try_from(now.millis()).unwrap_or_default(), id.as_u64_pair().0),
        },
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
        dead_letter_source: None,
        group,
        deduplication,
    };
    answer["MessageId"] = message.id.as_str().into();
    if let Some(number) = message.sequence_number() {
        answer["SequenceNumber"] = number.into();
    }
    let stored = state.messages.put(message.key(queue), message).await.map_err(storage)?;
    // Who is not answered sends again: a message must not be lost for having been noted before it was stored.
    if let Some(name) = name {
        state.deduplication.note(name, (&stored.id, stored.sequence), now).await?;
    }
    line.join(stored.sequence, stored.group.as_deref().filter(|_| queue.is_fifo()));
    line.place(stored.sequence, stored.visible, Hidden::Delayed, state.clock.now());
    Ok(answer)
}

/// What a message says of how it is sent.
struct Sending {
    group: Option<String>,
    /// In FIFO queues.
    deduplication: Option<String>,
}

fn sending(queue: &Queue, entry: &Members, body: &str, delay: Option<u64>) -> Result<Sending, ServiceError> {
    let invalid = |message: String| ServiceError::bad_request("InvalidParameterValue", message);
    let given = |name: &str| -> Result<Option<String>, ServiceError> {
        let Some(value) = entry.get(name).and_then(Value::as_str) else { return Ok(None) };
        if !(1..=128).contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(format!(
                "Value {value} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and \
                 punctuation characters. 1 to 128 in length."
            )));
        }
        Ok(Some(value.to_owned()))
    };
    let (group, deduplication) = (given("MessageGroupId")?, given("MessageDeduplicationId")?);
    let not_of_this_type = |name: &str, value: &str| {
        invalid(format!(
            "Value {value} for parameter {name} is invalid. Reason: The request include parameter that is not valid for \
             this queue type."
        ))
    };
    if !queue.is_fifo() {
        return match deduplication {
            Some(id) => Err(not_of_this_type("MessageDeduplicationId", &id)),
            None => Ok(Sending { group, deduplication }),
        };
    }
    if let Some(delay) = delay.filter(|delay| *delay > 0) {
        return Err(not_of_this_type("DelaySeconds", &delay.to_string()));
    }
    if group.is_none() {
        let message = "The request must contain the parameter MessageGroupId.";
        return Err(ServiceError::bad_request("MissingParameter", message));
    }
    let by_content = queue.attributes.get("ContentBasedDeduplication").is_some_and(|given| given == "true");
    let by_content = || by_content.then(|| deduplication::of_content(body));
    let deduplication = deduplication.or_else(by_content).ok_or_else(|| {
        invalid(
            "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
                .to_owned(),
        )
    })?;
    Ok(Sending { group, deduplication: Some(deduplication) })
}

fn check(queue: &Queue, body: &str, attributes: &BTreeMap<String, Value>) -> Result<(), ServiceError> {
    if body.is_empty() {
        let message = "The request must contain the parameter MessageBody.";
        return Err(ServiceError::bad_request("MissingParameter", message));
    }
    message_attributes::check(attributes)?;
    let size = body.len() + message_attributes::size(attributes);
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

/// The most that the messages of a batch may have together.
const MOST_BYTES_OF_A_BATCH: usize = 1_048_576;

fn size_of_entry(entry: &Members) -> usize {
    let attributes = entry.get("MessageAttributes").and_then(Value::as_object).cloned().unwrap_or_default();
    text(entry, "MessageBody").len() + message_attributes::size(&attributes.into_iter().collect())
}

pub(crate) async fn send_batch(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    let size: usize = entries(members)?.map(size_of_entry).sum();
    if size > MOST_BYTES_OF_A_BATCH {
        let message = format!(
            "Batch requests cannot be longer than {MOST_BYTES_OF_A_BATCH} bytes. You have sent {size} bytes."
        );
        return Err(ServiceError::bad_request("BatchRequestTooLong", message));
    }
    let mut results = Results::default();
    for entry in entries(members)? {
        results.add(entry, store(state, ctx, &queue, entry).await);
    }
    Ok(results.answer())
}

pub(crate) async fn receive(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let queue = queue::by_url(state, ctx, members)?;
    if members.contains_key("ReceiveRequestAttemptId") {
        return Err(ServiceError::not_implemented("Tule does not implement ReceiveRequestAttemptId yet"));
    }
    let most = number(members, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let hidden = number(members, "VisibilityTimeout", 0, 43_200)?;
    let hidden = Duration::from_secs(hidden.unwrap_or_else(|| queue.number("VisibilityTimeout")));
    let wait = number(members, "WaitTimeSeconds", 0, 20)?
        .unwrap_or_else(|| queue.number("ReceiveMessageWaitTimeSeconds"));
    let until = state.clock.now().plus(Duration::from_secs(wait));
    let line = line(state, &queue);
    loop {
        let arrival = line.arrival();
        let taken = take(state, &queue, &line, most, hidden).await?;
        if !taken.is_empty() || state.clock.now() >= until {
            let shown: Vec<Value> = taken.iter().map(|message| shown(message, members)).collect();
            return Ok(Output::of(if shown.is_empty() { json!({}) } else { json!({ "Messages": shown }) }));
        }
        line.watch(&state.clock);
        tokio::select! {
            () = arrival => {}
            () = state.clock.sleep_until(until) => {}
        }
    }
}

/// Takes up to `most` messages that are free.
async fn take(
    state: &State,
    queue: &Queue,
    line: &Line,
    most: u64,
    hidden: Duration,
) -> Result<Vec<Arc<Message>>, ServiceError> {
    let now = state.clock.now();
    let kept = Duration::from_secs(queue.number("MessageRetentionPeriod"));
    let visible = now.plus(hidden);
    // A message that is not hidden at all must not be given out twice in one answer.
    let claimed_until = visible.max(now.plus(Duration::from_millis(1)));
    let redrive = redrive::of(queue);
    let dead_letters =
        redrive.and_then(|redrive| Some((redrive::target(state, &redrive)?, redrive.most_receives)));
    let mut taken = Vec::new();
    let mut claimed = queue.is_fifo().then(Claimed::new);
    while (taken.len() as u64) < most
        && let Some(sequence) = line.claim(now, claimed_until, claimed.as_mut())
    {
        let key = key(queue, sequence);
        let _turn = state.changing.turn(&key).await;
        // It may have been deleted by an older receipt just now.
        let Some(found) = state.messages.get(&key) else {
            line.remove(sequence);
            continue;
        };
        if found.sent.plus(kept) <= now {
            remove(state, queue, &found).await?;
            continue;
        }
        if let Some((target, most)) = &dead_letters
            && found.receives >= *most
        {
            bury(state, queue, target, &found).await?;
            continue;
        }
        let mut message = (*found).clone();
        message.visible = visible;
        message.receives += 1;
        message.first_received.get_or_insert(now);
        message.receipt = Some(receipt(&message));
        match state.messages.put(key, message).await {
            Ok(message) => taken.push(message),
            Err(error) => {
                // Nobody has it: it is as free as it was.
                line.place(sequence, found.visible, found.hidden(), now);
                return Err(storage(error));
            }
        }
    }
    if visible < claimed_until {
        for message in &taken {
            line.place(message.sequence, visible, Hidden::Taken, now);
        }
    }
    Ok(taken)
}

/// Moves a message to the dead letter queue. It is there before it is gone here: a crash in between leaves it in both.
async fn bury(state: &State, queue: &Queue, target: &Queue, message: &Message) -> Result<(), ServiceError> {
    let now = state.clock.now();
    let line_there = line(state, target);
    let buried = Message {
        sequence: if target.is_fifo() {
            line_there.behind_all(now)
        } else {
            (u64::try_from(now.millis()).unwrap_or_default(), Uuid::new_v4().as_u64_pair().0)
        },
        visible: now,
        first_received: None,
        receives: 0,
        receipt: None,
        dead_letter_source: Some(queue.arn()),
        ..message.clone()
    };
    let buried = state.messages.put(buried.key(target), buried).await.map_err(storage)?;
    line_there.join(buried.sequence, buried.group.as_deref().filter(|_| target.is_fifo()));
    line_there.place(buried.sequence, buried.visible, Hidden::Delayed, now);
    remove(state, queue, message).await
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
        ("DeadLetterQueueSourceArn", message.dead_letter_source.clone()),
        ("MessageGroupId", message.group.clone()),
        ("MessageDeduplicationId", message.deduplication.clone()),
        ("SequenceNumber", message.sequence_number()),
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

/// The key that a receipt names.
fn key_of(queue: &Queue, receipt: &str) -> Result<Key, ServiceError> {
    let invalid = || {
        let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
        ServiceError::new("ReceiptHandleIsInvalid", 404, message)
    };
    let mut parts = receipt.split('-');
    let mut number = || parts.next().and_then(|part| u64::from_str_radix(part, 16).ok()).ok_or_else(invalid);
    Ok(key(queue, (number()?, number()?)))
}

/// The message of a receipt, if the receipt is its latest.
fn by_receipt(state: &State, queue: &Queue, receipt: &str) -> Result<Option<Arc<Message>>, ServiceError> {
    let found = state.messages.get(&key_of(queue, receipt)?);
    Ok(found.filter(|message| message.receipt.as_deref() == Some(receipt)))
}

async fn delete_one(state: &State, queue: &Queue, receipt: &str) -> Result<Value, ServiceError> {
    let _turn = state.changing.turn(&key_of(queue, receipt)?).await;
    if let Some(message) = by_receipt(state, queue, receipt)? {
        if queue.is_fifo() && message.visible <= state.clock.now() {
            let message = format!(
                "Value {receipt} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
            );
            return Err(ServiceError::bad_request("InvalidParameterValue", message));
        }
        remove(state, queue, &message).await?;
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
    let receipt = text(members, "ReceiptHandle");
    let _turn = state.changing.turn(&key_of(&queue, receipt)?).await;
    let found = by_receipt(state, &queue, receipt)?;
    let now = state.clock.now();
    let found = found.filter(|message| message.visible > now).ok_or_else(|| {
        let message = "The specified message isn't in flight or the receipt handle has expired.";
        ServiceError::bad_request("MessageNotInflight", message)
    })?;
    let message = Message { visible: now.plus(Duration::from_secs(seconds)), ..(*found).clone() };
    let message = state.messages.put(message.key(&queue), message).await.map_err(storage)?;
    line(state, &queue).place(message.sequence, message.visible, Hidden::Taken, now);
    Ok(Output::empty())
}
