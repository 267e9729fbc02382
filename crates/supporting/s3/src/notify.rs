//! What a bucket tells others of its objects. Queues, topics and functions have an event before whoever caused it is
//! answered; one that cannot be given to them is logged.
//!
//! Source: AWS, "Event message structure" (S3 User Guide), version 2.1.

use std::sync::{Arc, atomic::Ordering};

use aws_wire::{Arn, decode_percent};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{Body, CallContext, Input, Scope, Timestamp, new_request_id};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Key;

use crate::{State, record::Bucket};

/// Where events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Destination {
    Topic,
    Queue,
    Function,
}

impl Destination {
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Topic => "sns",
            Self::Queue => "sqs",
            Self::Function => "lambda",
        }
    }
}

/// Events that go to one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) destination: Destination,
    pub(crate) arn: String,
    /// `s3:ObjectCreated:*`.
    pub(crate) events: Vec<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) suffix: Option<String>,
}

impl Rule {
    fn takes(&self, event: &str, key: &str) -> bool {
        key.starts_with(&decoded(self.prefix.as_ref()))
            && key.ends_with(&decoded(self.suffix.as_ref()))
            && self.events.iter().any(|own| share(own, event))
    }

    pub(crate) fn has_filter(&self) -> bool {
        self.prefix.is_some() || self.suffix.is_some()
    }

    /// Whether there are keys that both take.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (own, theirs) = (decoded(self.prefix.as_ref()), decoded(other.prefix.as_ref()));
        let (own_end, their_end) = (decoded(self.suffix.as_ref()), decoded(other.suffix.as_ref()));
        (own.starts_with(&theirs) || theirs.starts_with(&own))
            && (own_end.ends_with(&their_end) || their_end.ends_with(&own_end))
    }
}

/// A filter's text as keys have it. AWS wants it percent-encoded, with a plus sign for a space (S3 User Guide,
/// "Configuring event notifications using object key name filtering").
fn decoded(filter: Option<&String>) -> String {
    filter.map(|filter| decode_percent(&filter.replace('+', " ")).into_owned()).unwrap_or_default()
}

/// Whether two names of events, either of which may be of a family, mean the same one.
pub(crate) fn share(one: &str, other: &str) -> bool {
    let is_in =
        |event: &str, family: &str| family.strip_suffix('*').is_some_and(|family| event.starts_with(family));
    one == other || is_in(one, other) || is_in(other, one)
}

/// What has happened to an object.
pub(crate) struct Happened<'a> {
    /// `ObjectCreated:Put`.
    pub(crate) event: &'static str,
    pub(crate) key: &'a str,
    /// The size and the tag of one that is there.
    pub(crate) object: Option<(u64, &'a str)>,
    /// Later events of a key have a greater one.
    pub(crate) sequencer: String,
}

/// The next sequencer: drawn by who has the turn to change the key.
pub(crate) fn sequencer(state: &State) -> String {
    let count = state.events.fetch_add(1, Ordering::Relaxed);
    format!("{:012X}{:06X}", state.clock.now().millis(), count & 0xFF_FFFF)
}

/// What keys keep as they are in events.
const IN_EVENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/').remove(b' ');

/// Gives an event to all that want it.
pub(crate) async fn tell(state: &Arc<State>, ctx: &CallContext, bucket: &str, happened: &Happened<'_>) {
    let Some(bucket) = state.buckets.get(&Key::new().text(bucket)) else { return };
    let name = format!("s3:{}", happened.event);
    for rule in bucket.notifications.iter().filter(|rule| rule.takes(&name, happened.key)) {
        let record = record(ctx, &bucket, rule, happened, state.clock.now());
        if let Err(reason) = give(state, ctx, rule, &json!({ "Records": [record] })).await {
            tracing::warn!(
                bucket = bucket.name,
                destination = rule.arn,
                "an event could not be given: {reason}"
            );
        }
    }
}

fn record(ctx: &CallContext, bucket: &Bucket, rule: &Rule, happened: &Happened<'_>, now: Timestamp) -> Value {
    let key = utf8_percent_encode(happened.key, IN_EVENT).to_string().replace(' ', "+");
    let mut object = json!({ "key": key });
    if let Some((size, etag)) = happened.object {
        object["size"] = json!(size);
        object["eTag"] = json!(etag.trim_matches('"'));
    }
    object["sequencer"] = json!(happened.sequencer);
    json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": now.rfc3339(),
        "eventName": happened.event,
        "userIdentity": { "principalId": format!("AWS:{}", ctx.scope.account) },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": { "x-amz-request-id": &*ctx.request_id, "x-amz-id-2": &*ctx.request_id },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": rule.id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": { "principalId": bucket.account },
                "arn": format!("arn:aws:s3:::{}", bucket.name),
            },
            "object": object,
        },
    })
}

/// Whether a destination is there: queues and topics get a test event, as AWS has it. Else why not.
pub(crate) async fn try_out(
    state: &Arc<State>,
    ctx: &CallContext,
    bucket: &str,
    rule: &Rule,
) -> Result<(), &'static str> {
    let (test, missing) = match rule.destination {
        Destination::Topic => (true, "The destination topic does not exist"),
        Destination::Queue => (true, "The destination queue does not exist"),
        Destination::Function => (false, "The destination Lambda does not exist"),
    };
    if test {
        let event = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": state.clock.now().rfc3339(), "Bucket": bucket,
            "RequestId": &*ctx.request_id, "HostId": &*ctx.request_id,
        });
        return give(state, ctx, rule, &event).await.map_err(|_| missing);
    }
    let members = json!({ "FunctionName": rule.arn });
    call(state, ctx, rule, "GetFunction", members, Body::Empty).await.map_err(|_| missing)
}

async fn give(state: &State, ctx: &CallContext, rule: &Rule, event: &Value) -> Result<(), String> {
    let event = event.to_string();
    match rule.destination {
        Destination::Topic => {
            let members =
                json!({ "TopicArn": rule.arn, "Subject": "Amazon S3 Notification", "Message": event });
            call(state, ctx, rule, "Publish", members, Body::Empty).await
        }
        Destination::Queue => {
            let arn: Arn = rule.arn.parse().map_err(|_| String::from("the queue's ARN is none"))?;
            let url = format!("{}/queue/{}/{}/{}", ctx.endpoint, arn.region, arn.account, arn.resource);
            let members = json!({ "QueueUrl": url, "MessageBody": event });
            call(state, ctx, rule, "SendMessage", members, Body::Empty).await
        }
        Destination::Function => {
            let members = json!({ "FunctionName": rule.arn, "InvocationType": "Event" });
            call(state, ctx, rule, "Invoke", members, Body::Bytes(Bytes::from(event))).await
        }
    }
}

/// A call into the account and region of the destination.
async fn call(
    state: &State,
    ctx: &CallContext,
    rule: &Rule,
    operation: &str,
    members: Value,
    body: Body,
) -> Result<(), String> {
    let arn: Arn = rule.arn.parse().map_err(|_| format!("{} is no ARN", rule.arn))?;
    let mut inner = CallContext::internal(Scope::new(&arn.account, &arn.region), ctx.endpoint.clone());
    inner.request_id = new_request_id();
    inner.trace_id.clone_from(&ctx.trace_id);
    let members = members.as_object().cloned().unwrap_or_default();
    let called =
        state.router.call(&inner, rule.destination.service(), operation, Input { members, body }).await;
    called.map(drop).map_err(|error| format!("{}: {}", error.code, error.message))
}
