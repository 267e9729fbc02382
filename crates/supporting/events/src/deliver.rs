//! What becomes of an event: every rule that takes it gives it to its targets.
//!
//! Targets of this machine have it before the caller is answered. What fails for the moment is tried again in the
//! background, and given to the target's dead-letter queue at last; that is lost when the process dies meanwhile.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{Body, BoxFuture, CallContext, Input, Scope};
use serde_json::{Map, Value, json};

use crate::{
    State, api_destination,
    bus::Place,
    rule::Rule,
    target::{Kind, Target},
    transform,
};

/// How often an event may go from bus to bus.
const MOST_BUSES: u32 = 5;
/// AWS tries 185 times in 24 hours.
const ATTEMPTS: u64 = 185;
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Gives an event to the rules of a bus. `buses` counts those it has come through.
pub(crate) fn to_rules<'a>(
    state: &'a Arc<State>,
    ctx: &'a CallContext,
    place: &'a Place,
    event: &'a Value,
    buses: u32,
) -> BoxFuture<'a, ()> {
    Box::pin(async move {
        for rule in state.rules.page(&place.key(), None, usize::MAX) {
            if rule.takes(event) {
                to_targets(state, ctx, &rule, event, buses).await;
            }
        }
    })
}

/// Gives an event to all targets of a rule.
pub(crate) async fn to_targets(
    state: &Arc<State>,
    ctx: &CallContext,
    rule: &Arc<Rule>,
    event: &Value,
    buses: u32,
) {
    for target in &rule.targets {
        let Ok(arn) = target.arn().parse::<aws_wire::Arn>() else { continue };
        let Some(kind) = Kind::of(&arn) else { continue };
        if kind == Kind::EventBus {
            to_bus(state, ctx, &arn, event, buses).await;
            continue;
        }
        let delivery = Delivery {
            kind,
            input: transform::input(rule, target, event),
            event: event.clone(),
            rule: Arc::clone(rule),
            target: target.clone(),
            arn,
        };
        if kind == Kind::ApiDestination {
            // Servers elsewhere are slow; nobody waits for them.
            let (state, ctx) = (Arc::clone(state), ctx.clone());
            tokio::spawn(async move { first(&state, &ctx, delivery).await });
        } else {
            first(state, ctx, delivery).await;
        }
    }
}

async fn to_bus(state: &Arc<State>, ctx: &CallContext, arn: &aws_wire::Arn, event: &Value, buses: u32) {
    let name = arn.resource.trim_start_matches("event-bus/").to_owned();
    let place = Place { scope: Scope::new(&arn.account, &arn.region), name };
    if buses >= MOST_BUSES {
        tracing::warn!(bus = place.name, "an event has come through too many buses, and goes no further");
    } else if crate::bus::is_there(state, &place) {
        to_rules(state, ctx, &place, event, buses + 1).await;
    }
}

/// An event on its way to a target.
struct Delivery {
    kind: Kind,
    input: String,
    event: Value,
    rule: Arc<Rule>,
    target: Target,
    arn: aws_wire::Arn,
}

/// The first try; further ones are in the background.
async fn first(state: &Arc<State>, ctx: &CallContext, delivery: Delivery) {
    let Err(error) = send(state, ctx, &delivery).await else { return };
    let (state, ctx) = (Arc::clone(state), ctx.clone());
    tokio::spawn(async move { again(&state, &ctx, &delivery, error).await });
}

async fn again(state: &Arc<State>, ctx: &CallContext, delivery: &Delivery, mut error: ServiceError) {
    let policy = delivery.target.0.get("RetryPolicy");
    let number = |name: &str| policy.and_then(|policy| policy.get(name)).and_then(Value::as_u64);
    let attempts = number("MaximumRetryAttempts").unwrap_or(ATTEMPTS);
    let oldest = Duration::from_secs(number("MaximumEventAgeInSeconds").unwrap_or(86_400));
    let began = state.clock.now();
    for attempt in 0..attempts {
        let retryable = error.status >= 500 && error.code != "NotImplemented" || error.status == 429;
        let wait = Duration::from_secs(1 << attempt.min(9)).min(LONGEST_WAIT);
        let now = state.clock.now();
        if !retryable || now.plus(wait).since(began) > oldest {
            break;
        }
        state.clock.sleep_until(now.plus(wait)).await;
        match send(state, ctx, delivery).await {
            Ok(()) => return,
            Err(next) => error = next,
        }
    }
    tracing::warn!(rule = delivery.rule.arn(), target = delivery.target.arn(), %error, "a target did not take an event");
    let Some(queue) = delivery.target.inner("DeadLetterConfig", "Arn") else { return };
    let Ok(arn) = queue.parse::<aws_wire::Arn>() else { return };
    let attribute = |value: &str| json!({ "DataType": "String", "StringValue": value });
    let attributes = json!({
        "RULE_ARN": attribute(&delivery.rule.arn()),
        "TARGET_ARN": attribute(delivery.target.arn()),
        "ERROR_CODE": attribute(&error.code),
        "ERROR_MESSAGE": attribute(&error.message),
    });
    let sent = to_queue(state, ctx, &arn, &delivery.event.to_string(), Some(attributes)).await;
    if let Err(error) = sent {
        tracing::warn!(queue, %error, "a dead-letter queue did not take an event");
    }
}

async fn send(state: &Arc<State>, ctx: &CallContext, delivery: &Delivery) -> Result<(), ServiceError> {
    let (arn, input) = (&delivery.arn, delivery.input.as_str());
    let members = match delivery.kind {
        Kind::Queue => return to_queue(state, ctx, arn, input, None).await,
        Kind::ApiDestination => return api_destination::send(state, arn, &delivery.target, input).await,
        // It has its own way.
        Kind::EventBus => return Ok(()),
        Kind::Function => json!({ "FunctionName": arn.to_string(), "InvocationType": "Event" }),
        Kind::LogGroup => return to_log(state, ctx, arn, input).await,
        Kind::StateMachine => json!({ "stateMachineArn": arn.to_string(), "input": input }),
        Kind::Topic => json!({ "TopicArn": arn.to_string(), "Message": input }),
    };
    let (service, operation) = match delivery.kind {
        Kind::Function => ("lambda", "Invoke"),
        Kind::StateMachine => ("stepfunctions", "StartExecution"),
        _ => ("sns", "Publish"),
    };
    let body = match delivery.kind {
        Kind::Function => Body::Bytes(Bytes::from(input.to_owned())),
        _ => Body::Empty,
    };
    call(state, ctx, arn, service, operation, members, body).await
}

/// A call into the account and region that an ARN names.
async fn call(
    state: &State,
    ctx: &CallContext,
    arn: &aws_wire::Arn,
    service: &str,
    operation: &str,
    members: Value,
    body: Body,
) -> Result<(), ServiceError> {
    let mut inner = CallContext::internal(Scope::new(&arn.account, &arn.region), ctx.endpoint.clone());
    inner.trace_id.clone_from(&ctx.trace_id);
    let members = match members {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    state.router.call(&inner, service, operation, Input { members, body }).await.map(|_| ())
}

async fn to_queue(
    state: &State,
    ctx: &CallContext,
    arn: &aws_wire::Arn,
    input: &str,
    attributes: Option<Value>,
) -> Result<(), ServiceError> {
    let url = format!("{}/queue/{}/{}/{}", ctx.endpoint, arn.region, arn.account, arn.resource);
    let mut members = json!({ "QueueUrl": url, "MessageBody": input });
    if let Some(attributes) = attributes {
        members["MessageAttributes"] = attributes;
    }
    call(state, ctx, arn, "sqs", "SendMessage", members, Body::Empty).await
}

async fn to_log(
    state: &State,
    ctx: &CallContext,
    arn: &aws_wire::Arn,
    input: &str,
) -> Result<(), ServiceError> {
    let group = arn.resource.trim_start_matches("log-group:").trim_end_matches(":*");
    let stream = uuid::Uuid::new_v4().to_string();
    let named = json!({ "logGroupName": group, "logStreamName": stream });
    call(state, ctx, arn, "logs", "CreateLogStream", named, Body::Empty).await?;
    let events = json!([{ "timestamp": state.clock.now().millis(), "message": input }]);
    let put = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events });
    call(state, ctx, arn, "logs", "PutLogEvents", put, Body::Empty).await
}
