//! `PutFunctionEventInvokeConfig`, and what its sisters share.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::named;
use crate::{
    error,
    function::{
        name::{self, FunctionRef, LATEST},
        record::EventConfig,
    },
    invoke::{
        dead_letter,
        destination::{self, part, router_call},
    },
    service::{Inner, Lambda},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    set(lambda, ctx, &input.members, false).await
}

/// Sets a configuration anew, or changes what is given.
pub(super) async fn set(
    lambda: &Lambda,
    ctx: &CallContext,
    members: &Map<String, Value>,
    change: bool,
) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = named(ctx, members)?;
    let given = |name: &str| members.get(name).is_some_and(|value| !value.is_null());
    if !["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"].iter().any(|name| given(name)) {
        return Err(error::invalid_parameter(
            "You must specify at least one of error handling or destination setting.",
        ));
    }
    let missing = || error::not_found("The function doesn't exist.");
    let entry = inner.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    if entry.function().qualified(named.qualifier.as_deref()).is_none() {
        return Err(missing());
    }
    let now = inner.clock.now().millis();
    let destinations = destinations(inner, ctx, &named, members)?;
    let (success, failure) = destinations.clone().unwrap_or_default();
    for arn in [success, failure].into_iter().flatten() {
        must_be_there(inner, ctx, &arn).await?;
    }
    let number = |name: &str| members.get(name).and_then(Value::as_u64);
    let key = named.qualifier.clone().unwrap_or_else(|| LATEST.to_owned());
    let shown = inner.table.update(&entry, |function| {
        let before = function.event_configs.get(&key).cloned();
        let mut config = match (before, change) {
            (Some(before), true) => before,
            (None, true) => return Err(none(ctx, &named)),
            (_, false) => EventConfig::default(),
        };
        config.retries = number("MaximumRetryAttempts").or(config.retries);
        config.maximum_age = number("MaximumEventAgeInSeconds").or(config.maximum_age);
        if let Some((success, failure)) = destinations {
            config.on_success = success;
            config.on_failure = failure;
        }
        config.modified = now;
        let shown = answer(ctx, &named.name, &key, &config);
        function.event_configs.insert(key, config);
        Ok(shown)
    });
    Ok(Output::of(shown.await?))
}

/// A configuration as the API answers it.
pub(super) fn answer(ctx: &CallContext, function: &str, qualifier: &str, config: &EventConfig) -> Value {
    let destination = |arn: &Option<String>| arn.as_ref().map_or_else(|| json!({}), |arn| json!({"Destination": arn}));
    json!({
        "FunctionArn": name::arn(&ctx.scope, function, Some(qualifier)),
        "LastModified": runtime::Timestamp(config.modified).epoch_seconds(),
        "MaximumRetryAttempts": config.retries,
        "MaximumEventAgeInSeconds": config.maximum_age,
        "DestinationConfig": {"OnSuccess": destination(&config.on_success), "OnFailure": destination(&config.on_failure)},
    })
}

/// There is no configuration of what was named, be the function there or not.
pub(super) fn none(ctx: &CallContext, named: &FunctionRef) -> ServiceError {
    let arn = name::arn(&ctx.scope, &named.name, Some(named.qualifier.as_deref().unwrap_or(LATEST)));
    error::not_found(format!("The function {arn} doesn't have an EventInvokeConfig"))
}

/// Refuses a topic, a bus or a bucket that is not there.
async fn must_be_there(inner: &Inner, ctx: &CallContext, arn: &str) -> Result<(), ServiceError> {
    let place = destination::context(inner, arn, &ctx.scope.arn("lambda", ""));
    let asked = match part(arn, 2) {
        "sns" => return dead_letter::check_target(inner, ctx, arn, "DestinationConfig").await,
        "events" => router_call(inner, &place, "events", "DescribeEventBus", json!({"Name": arn})).await,
        "s3" => router_call(inner, &place, "s3", "HeadBucket", json!({"Bucket": part(arn, 5)})).await,
        _ => return Ok(()),
    };
    asked.map(drop).map_err(|refusal| {
        if refusal.status >= 500 {
            return refusal;
        }
        error::invalid_parameter(format!("The destination ARN {arn} is invalid."))
    })
}

type Destinations = (Option<String>, Option<String>);

/// Both destinations, if any are given; each must be something that can be told.
fn destinations(
    inner: &Inner,
    ctx: &CallContext,
    named: &FunctionRef,
    members: &Map<String, Value>,
) -> Result<Option<Destinations>, ServiceError> {
    let Some(config) = members.get("DestinationConfig").filter(|config| config.is_object()) else { return Ok(None) };
    let of = |on: &str| config[on]["Destination"].as_str().filter(|arn| !arn.is_empty()).map(str::to_owned);
    let (success, failure) = (of("OnSuccess"), of("OnFailure"));
    for arn in success.iter().chain(&failure) {
        match part(arn, 2) {
            "lambda" => {
                let target = FunctionRef::parse(&ctx.scope, arn, None)?;
                if (&target.scope, &target.name) == (&named.scope, &named.name) {
                    return Err(error::invalid_parameter("You can't specify the function as a destination for itself."));
                }
                if inner.table.get(&target.scope, &target.name).is_none() {
                    return Err(error::invalid_parameter(format!("The destination ARN {arn} is invalid.")));
                }
            }
            "sqs" | "sns" | "events" => {}
            // Buckets are told of failures alone.
            "s3" if success.as_ref() != Some(arn) => {}
            _ => {
                let shown = |name: &str, kind: &str, arn: &Option<String>| match arn {
                    Some(arn) => format!("{name}={kind}(destination={arn})"),
                    None => format!("{name}=null"),
                };
                return Err(error::invalid_parameter(format!(
                    "The provided destination config DestinationConfig({}, {}) is invalid.",
                    shown("onSuccess", "OnSuccess", &success),
                    shown("onFailure", "OnFailure", &failure)
                )));
            }
        }
    }
    Ok(Some((success, failure)))
}
