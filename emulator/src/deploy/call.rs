//! One planned call: what earlier calls saved is put in, the package is made, the answer's parts are saved.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_wire::ServiceError;
use runtime::{Body, BoxFuture, CallContext, Input, ServiceRouter as _};
use serde_json::Value;
use templates::Call;

use super::package::Packager;
use crate::registry::Registry;

/// How long an earlier change of the same function is waited for, and how often it is asked again.
const BUSY: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(20);

type Saved = BTreeMap<String, Value>;

/// Makes a call, or what stands in for it where it is refused. Gives a warning about its package, if there is one.
pub(super) fn make<'a>(
    registry: &'a Registry,
    ctx: &'a CallContext,
    packager: &'a Packager,
    call: &'a Call,
    saved: &'a mut Saved,
) -> BoxFuture<'a, Result<Option<String>, String>> {
    Box::pin(async move {
        let mut members = fill(&call.members, saved);
        let mut warning = None;
        if let Some(code) = &call.code {
            let package = packager.package(code).await?;
            warning = package.warning;
            put_code(call.operation, &mut members, package.code);
        }
        let Value::Object(members) = members else { return Err("members are an object".to_owned()) };
        let began = Instant::now();
        let answered = loop {
            let body = call.body.clone().map_or(Body::Empty, |body| Body::Bytes(body.into()));
            let input = Input { members: members.clone(), body };
            let answered = registry.call(ctx, call.service, call.operation, input).await;
            let is_busy = answered.as_ref().is_err_and(|error| {
                error.message.starts_with("The operation cannot be performed at this time")
            });
            if !is_busy || began.elapsed() > BUSY {
                break answered;
            }
            tokio::time::sleep(AGAIN).await;
        };
        match answered {
            Ok(output) => {
                let answer = Value::Object(output.members);
                for text in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
                    tracing::warn!("{}.{}: {text}", call.service, call.operation);
                }
                for (name, pointer) in &call.save {
                    saved.insert(name.clone(), answer.pointer(pointer).cloned().unwrap_or_default());
                }
                Ok(warning)
            }
            Err(error) => match call.otherwise.iter().find(|(code, _)| *code == error.code) {
                Some((_, instead)) => {
                    for call in instead {
                        make(registry, ctx, packager, call, saved).await?;
                    }
                    Ok(warning)
                }
                None => Err(told(call, &error)),
            },
        }
    })
}

fn told(call: &Call, error: &ServiceError) -> String {
    format!("{}.{}: {error}", call.service, call.operation)
}

fn put_code(operation: &str, members: &mut Value, code: Value) {
    let whole = match operation {
        "CreateFunction" => Some("Code"),
        "PublishLayerVersion" => Some("Content"),
        _ => None,
    };
    if let Some(member) = whole {
        members[member] = code;
    } else if let (Value::Object(members), Value::Object(code)) = (members, code) {
        members.extend(code);
    }
}

/// `{"$saved": name}` becomes the value saved, `{"$joined": […]}` one text.
fn fill(value: &Value, saved: &Saved) -> Value {
    match value {
        Value::Object(map) => {
            if let Some(name) = map.get("$saved").and_then(Value::as_str) {
                return saved.get(name).cloned().unwrap_or_default();
            }
            if let Some(Value::Array(parts)) = map.get("$joined") {
                let parts =
                    parts.iter().map(|part| fill(part, saved).as_str().unwrap_or_default().to_owned());
                return Value::from(parts.collect::<String>());
            }
            map.iter().map(|(key, value)| (key.clone(), fill(value, saved))).collect()
        }
        Value::Array(items) => items.iter().map(|item| fill(item, saved)).collect(),
        plain => plain.clone(),
    }
}
