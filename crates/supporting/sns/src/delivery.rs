//! What becomes of a message: queues and functions have it before the publisher is answered; HTTP servers are tried in
//! the background, a few times.
//!
//! What a queue has is stored there; a message that is on its way to an HTTP server when the process dies is lost.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{Body, CallContext, Input, Timestamp};
use serde_json::{Map, Value, json};

use crate::{
    State, filter,
    publish::Message,
    subscription::{self, Subscription},
    topic::Topic,
};

/// How HTTP servers are tried: AWS's default policy, as far as one can wait for it locally.
pub(crate) const POLICY: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;
const RETRIES: u32 = 3;
const BETWEEN: Duration = Duration::from_secs(20);
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Gives a message to every subscription of a topic that takes it.
pub(crate) async fn deliver(state: &Arc<State>, ctx: &CallContext, topic: &Topic, message: &Message) {
    let now = state.clock.now();
    for subscription in subscription::of_topic(state, topic) {
        if subscription.token.is_some() || !takes(&subscription, message) {
            continue;
        }
        match subscription.protocol.as_str() {
            "sqs" => to_queue(state, ctx, &subscription, message, now).await,
            "lambda" => to_function(state, ctx, &subscription, message, now).await,
            _ => to_server(state, ctx, &subscription, message, now),
        }
    }
}

fn takes(subscription: &Subscription, message: &Message) -> bool {
    let Some(policy) = subscription.attributes.get("FilterPolicy") else { return true };
    let by_body =
        subscription.attributes.get("FilterPolicyScope").is_some_and(|scope| scope == "MessageBody");
    let text = message.for_protocol(&subscription.protocol);
    filter::parse(policy).is_ok_and(|pattern| filter::takes(&pattern, by_body, text, &message.attributes))
}

fn unsubscribe_url(ctx: &CallContext, subscription: &Subscription) -> String {
    format!("{}/?Action=Unsubscribe&SubscriptionArn={}", ctx.endpoint, subscription.arn())
}

fn certificate_url(ctx: &CallContext) -> String {
    format!("{}/SimpleNotificationService-0000000000000000000000000000000f.pem", ctx.endpoint)
}

/// Nobody but AWS can sign as AWS: this is no signature, and is not checked by anything local.
fn signature(id: &str) -> String {
    STANDARD.encode(format!("not signed: {id}"))
}

fn shown_attributes(message: &Message) -> Map<String, Value> {
    let shown = message.attributes.iter().map(|(name, attribute)| {
        let member = |name: &str| attribute.get(name).and_then(Value::as_str).unwrap_or_default();
        let value =
            if member("StringValue").is_empty() { member("BinaryValue") } else { member("StringValue") };
        (name.clone(), json!({ "Type": member("DataType"), "Value": value }))
    });
    shown.collect()
}

/// The notification as queues and servers get it.
fn notification(ctx: &CallContext, to: &Subscription, message: &Message, now: Timestamp) -> Value {
    let mut shown = Map::new();
    shown.insert("Type".into(), json!("Notification"));
    shown.insert("MessageId".into(), json!(message.id));
    shown.insert("TopicArn".into(), json!(to.topic_arn()));
    if let Some(subject) = &message.subject {
        shown.insert("Subject".into(), json!(subject));
    }
    shown.insert("Message".into(), json!(message.for_protocol(&to.protocol)));
    shown.insert("Timestamp".into(), json!(now.rfc3339()));
    shown.insert("SignatureVersion".into(), json!("1"));
    shown.insert("Signature".into(), json!(signature(&message.id)));
    shown.insert("SigningCertURL".into(), json!(certificate_url(ctx)));
    shown.insert("UnsubscribeURL".into(), json!(unsubscribe_url(ctx, to)));
    if !message.attributes.is_empty() {
        shown.insert("MessageAttributes".into(), Value::Object(shown_attributes(message)));
    }
    Value::Object(shown)
}

/// The context of a call into the account and region that an ARN names.
fn context(ctx: &CallContext, arn: &str) -> CallContext {
    let mut inner = ctx.clone();
    inner.request_id = runtime::new_request_id();
    if let Ok(arn) = arn.parse::<aws_wire::Arn>() {
        inner.scope = runtime::Scope::new(&arn.account, &arn.region);
    }
    inner
}

async fn to_queue(state: &State, ctx: &CallContext, to: &Subscription, message: &Message, now: Timestamp) {
    let call = context(ctx, &to.endpoint);
    let queue = to.endpoint.rsplit(':').next().unwrap_or_default();
    let region = &call.scope.region;
    let url = format!("{}/queue/{region}/{}/{queue}", ctx.endpoint, call.scope.account);
    let mut members = Map::new();
    members.insert("QueueUrl".into(), json!(url));
    if to.is_set("RawMessageDelivery") {
        members.insert("MessageBody".into(), json!(message.for_protocol("sqs")));
        if !message.attributes.is_empty() {
            members.insert("MessageAttributes".into(), Value::Object(message.attributes.clone()));
        }
    } else {
        members.insert("MessageBody".into(), json!(notification(ctx, to, message, now).to_string()));
    }
    let sent = state.router.call(&call, "sqs", "SendMessage", Input { members, body: Body::Empty }).await;
    if let Err(error) = sent {
        tracing::warn!(subscription = to.arn(), %error, "a message could not be given to a queue");
    }
}

async fn to_function(state: &State, ctx: &CallContext, to: &Subscription, message: &Message, now: Timestamp) {
    let record = json!({ "Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": to.arn(),
        "Sns": {
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": to.topic_arn(),
            "Subject": message.subject,
            "Message": message.for_protocol("lambda"),
            "Timestamp": now.rfc3339(),
            "SignatureVersion": "1",
            "Signature": signature(&message.id),
            "SigningCertUrl": certificate_url(ctx),
            "UnsubscribeUrl": unsubscribe_url(ctx, to),
            "MessageAttributes": shown_attributes(message),
        },
    }] });
    let call = context(ctx, &to.endpoint);
    let mut members = Map::new();
    members.insert("FunctionName".into(), json!(to.endpoint));
    members.insert("InvocationType".into(), json!("Event"));
    let input = Input { members, body: Body::Bytes(Bytes::from(record.to_string())) };
    if let Err(error) = state.router.call(&call, "lambda", "Invoke", input).await {
        tracing::warn!(subscription = to.arn(), %error, "a message could not be given to a function");
    }
}

fn to_server(
    state: &Arc<State>,
    ctx: &CallContext,
    to: &Arc<Subscription>,
    message: &Message,
    now: Timestamp,
) {
    let raw = to.is_set("RawMessageDelivery");
    let body = if raw {
        message.for_protocol(&to.protocol).to_owned()
    } else {
        notification(ctx, to, message, now).to_string()
    };
    post(state, to, "Notification", &message.id, raw, body);
}

/// Sends an HTTP server the token that it must give back.
pub(crate) fn ask_to_confirm(state: &Arc<State>, ctx: &CallContext, to: &Arc<Subscription>) {
    let Some(token) = &to.token else { return };
    let topic = to.topic_arn();
    let id = uuid::Uuid::new_v4().to_string();
    let encoded = utf8_percent_encode(&topic, NON_ALPHANUMERIC);
    let body = json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": id,
        "Token": token,
        "TopicArn": topic,
        "Message": format!("You have chosen to subscribe to the topic {topic}.\nTo confirm the subscription, visit the SubscribeURL included in this message."),
        "SubscribeURL": format!("{}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={encoded}&Token={token}", ctx.endpoint),
        "Timestamp": state.clock.now().rfc3339(),
        "SignatureVersion": "1",
        "Signature": signature(&id),
        "SigningCertURL": certificate_url(ctx),
    });
    post(state, to, "SubscriptionConfirmation", &id, false, body.to_string());
}

/// Tries to give an HTTP server a message, and again after a while.
fn post(state: &Arc<State>, to: &Arc<Subscription>, kind: &'static str, id: &str, raw: bool, body: String) {
    let (state, to, id) = (Arc::clone(state), Arc::clone(to), id.to_owned());
    tokio::spawn(async move {
        for attempt in 0..=RETRIES {
            if attempt > 0 {
                state.clock.sleep_until(state.clock.now().plus(BETWEEN)).await;
            }
            let Some(request) = request(&to, kind, &id, raw, &body) else { return };
            let sent = tokio::time::timeout(PATIENCE, state.outbound.send(request)).await;
            match sent {
                Ok(Ok(answer)) if answer.status().is_success() => return,
                Ok(Ok(answer)) => {
                    tracing::warn!(
                        endpoint = to.endpoint,
                        status = answer.status().as_u16(),
                        "a server did not take a message"
                    );
                }
                Ok(Err(error)) => {
                    tracing::warn!(endpoint = to.endpoint, %error, "a server did not take a message");
                }
                Err(_) => tracing::warn!(endpoint = to.endpoint, "a server did not answer in time"),
            }
        }
    });
}

fn request(to: &Subscription, kind: &str, id: &str, raw: bool, body: &str) -> Option<Request<Bytes>> {
    let mut request = Request::post(&to.endpoint)
        .header(header::CONTENT_TYPE, "text/plain; charset=UTF-8")
        .header(header::USER_AGENT, "Amazon Simple Notification Service Agent")
        .body(Bytes::from(body.to_owned()))
        .ok()?;
    let arn = to.arn();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
    };
    put("x-amz-sns-message-type", kind);
    put("x-amz-sns-message-id", id);
    put("x-amz-sns-topic-arn", &to.topic_arn());
    if kind == "Notification" {
        put("x-amz-sns-subscription-arn", &arn);
    }
    if raw {
        put("x-amz-sns-rawdelivery", "true");
    }
    Some(request)
}
