//! SQS, as far as workflows and functions send to queues and tests read from them: standard and FIFO queues, visibility,
//! delays, long polling, dead letter queues.
//!
//! Owns queues and messages. Moving messages back from a dead letter queue, and what a dead letter queue allows, are
//! refused by name. Groups of messages in standard queues ("fair queues") are kept and shown: there is no noise here
//! that others would have to be kept from. Start at [`Sqs`].

mod attributes;
mod deduplication;
mod groups;
mod line;
mod message;
mod message_attributes;
mod queue;
mod redrive;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use bytes::Bytes;
use dashmap::DashMap;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Service};
use serde_json::{Map, Value};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use deduplication::Deduplication;
use line::Line;
use message::Message;
use queue::Queue;

const QUEUES: Table = Table("sqs.queues");
const MESSAGES: Table = Table("sqs.messages");
const VERSION: u32 = 1;

/// SQS. Cheap to clone.
#[derive(Clone)]
pub struct Sqs(Arc<State>);

struct State {
    clock: Clock,
    queues: Collection<Queue>,
    messages: Collection<Message>,
    /// The order of each queue's messages, by the queue's key.
    lines: DashMap<Bytes, Arc<Line>>,
    deduplication: Deduplication,
    /// Turns to change a queue, or a message.
    changing: Lanes,
    /// Turns to send to a FIFO queue.
    sending: Lanes,
}

impl Sqs {
    /// Loads what the store holds.
    pub fn new(store: &Store, clock: Clock) -> Result<Self, StoreError> {
        let state = State {
            clock,
            queues: Collection::load(store, QUEUES, VERSION)?,
            messages: Collection::load(store, MESSAGES, VERSION)?,
            lines: DashMap::new(),
            deduplication: Deduplication::load(store)?,
            changing: Lanes::default(),
            sending: Lanes::default(),
        };
        for queue in state.queues.page(&Key::new(), None, usize::MAX) {
            message::line_up(&state, &queue);
        }
        Ok(Self(Arc::new(state)))
    }
}

const OPERATIONS: &[&str] = &[
    "ChangeMessageVisibility",
    "CreateQueue",
    "DeleteMessage",
    "DeleteMessageBatch",
    "DeleteQueue",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
    "SetQueueAttributes",
];

impl Service for Sqs {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let (state, members) = (&self.0, input.members);
        Box::pin(async move {
            match operation {
                "CreateQueue" => queue::create(state, ctx, &members).await,
                "DeleteQueue" => queue::delete(state, ctx, &members).await,
                "GetQueueAttributes" => queue::get_attributes(state, ctx, &members),
                "GetQueueUrl" => queue::get_url(state, ctx, &members),
                "ListQueues" => queue::list(state, ctx, &members),
                "PurgeQueue" => queue::purge(state, ctx, &members).await,
                "SetQueueAttributes" => queue::set_attributes(state, ctx, &members).await,
                "ChangeMessageVisibility" => message::change_visibility(state, ctx, &members).await,
                "DeleteMessage" => message::delete(state, ctx, &members).await,
                "DeleteMessageBatch" => message::delete_batch(state, ctx, &members).await,
                "ReceiveMessage" => message::receive(state, ctx, &members).await,
                "SendMessage" => message::send(state, ctx, &members).await,
                "SendMessageBatch" => message::send_batch(state, ctx, &members).await,
                other => {
                    Err(ServiceError::not_implemented(format!("Tule does not implement {other} of sqs yet")))
                }
            }
        })
    }
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

fn text<'m>(members: &'m Members, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A number member within its limits; `None` where it is not given.
fn number(members: &Members, name: &str, least: i64, most: i64) -> Result<Option<u64>, ServiceError> {
    let Some(value) = members.get(name).and_then(Value::as_i64) else { return Ok(None) };
    match u64::try_from(value) {
        Ok(number) if (least..=most).contains(&value) => Ok(Some(number)),
        _ => {
            let reason = match name {
                "DelaySeconds" => format!("DelaySeconds must be >= {least} and <= {most}."),
                "WaitTimeSeconds" => format!("Must be >= {least} and <= {most}, if provided."),
                _ => format!("Must be between {least} and {most}, if provided."),
            };
            let message = format!("Value {value} for parameter {name} is invalid. Reason: {reason}");
            Err(ServiceError::bad_request("InvalidParameterValue", message))
        }
    }
}

/// Texts of a map member, e.g. `Attributes`.
fn texts(members: &Members, name: &str) -> BTreeMap<String, String> {
    let entries = members.get(name).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal(format!("the queue could not be stored: {error}")).with_source(error)
}
