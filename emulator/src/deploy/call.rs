//! One planned call: what earlier calls saved is put in, the package is made, the answer's parts are saved.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_wire::ServiceError;
use runtime::{Body, BoxFuture, CallContext, Input, ServiceRouter as _};
use serde_json::{Map, Value};
use templates::Call;

use super::package::Packager;
use crate::registry::Registry;

/// How long an earlier change of the same function is waited for, and how often it is asked again.
const BUSY: Duration = Duration::from_secs(60);
const AGAIN: Duration = Duration::from_millis(20);
/// How long a table or stream of another endpoint has to get ready, and how seldom it is asked in the end.
const READY: Duration = Duration::from_secs(600);
const SELDOM: Duration = Duration::from_secs(2);

/// The longest object that a template may name as a text: Step Functions' definitions are shorter.
const LARGEST_TEXT: usize = 1 << 20;

type Saved = BTreeMap<String, Value>;

/// Who makes the calls of one resource.
#[derive(Clone, Copy)]
pub(super) struct Maker<'a> {
    pub(super) registry: &'a Registry,
    pub(super) ctx: &'a CallContext,
    pub(super) packager: &'a Packager,
    /// The resource's name in the template.
    pub(super) resource: &'a str,
}

impl<'a> Maker<'a> {
    /// Makes a call, or what stands in for it where it is refused, and what its answer leads to. Gives a warning about
    /// its package, if there is one.
    pub(super) fn make(
        self,
        call: &'a Call,
        saved: &'a mut Saved,
    ) -> BoxFuture<'a, Result<Option<String>, String>> {
        Box::pin(async move {
            let mut members = fill(&call.members, saved);
            let mut warning = None;
            if let Some(code) = &call.code {
                let package = self.packager.package(code).await?;
                warning = package.warning;
                put_code(call.operation, &mut members, package.code);
            }
            let Value::Object(members) = members else { return Err("members are an object".to_owned()) };
            match self.ask(call, &members).await? {
                Ok(answer) => {
                    for text in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
                        tracing::warn!("{}.{}: {text}", call.service, call.operation);
                    }
                    for (name, pointer) in &call.save {
                        saved.insert(name.clone(), answer.pointer(pointer).cloned().unwrap_or_default());
                    }
                    self.make_all(&call.following(&answer)?, saved).await?;
                }
                Err(error) => match call.otherwise.iter().find(|(code, _)| *code == error.code) {
                    Some((_, instead)) => self.make_all(instead, saved).await?,
                    None => match call.optional.filter(|_| is_unknown(&error)) {
                        Some(missing) => tracing::warn!(
                            "{}: {missing}, since that is not done by what serves {} ({})",
                            self.resource,
                            call.service,
                            told(call, &error)
                        ),
                        None => return Err(told(call, &error)),
                    },
                },
            }
            Ok(warning)
        })
    }

    async fn make_all(self, calls: &[Call], saved: &mut Saved) -> Result<(), String> {
        for call in calls {
            Maker::make(self, call, saved).await?;
        }
        Ok(())
    }

    /// Asks until the answer is the one that is waited for, or an error. The outer error is that none comes.
    async fn ask(
        self,
        call: &Call,
        members: &Map<String, Value>,
    ) -> Result<Result<Value, ServiceError>, String> {
        let began = Instant::now();
        let mut pause = AGAIN;
        loop {
            let body = call.body.clone().map_or(Body::Empty, |body| Body::Bytes(body.into()));
            let input = Input { members: members.clone(), body };
            match self.registry.call(self.ctx, call.service, call.operation, input).await {
                Ok(output) => {
                    let mut answer = Value::Object(output.members);
                    if call.operation == "GetObject" {
                        let content = output.body.read(LARGEST_TEXT).await;
                        let content = content.map_err(|error| format!("s3.GetObject: {error}"))?;
                        answer["Body"] = Value::from(String::from_utf8_lossy(&content));
                    }
                    let Some((pointer, text)) = call.until else { return Ok(Ok(answer)) };
                    let found = answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                    if found == text {
                        return Ok(Ok(answer));
                    }
                    if began.elapsed() > READY {
                        let (service, operation) = (call.service, call.operation);
                        return Err(format!("{service}.{operation}: still {found:?} instead of {text}"));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(SELDOM);
                }
                Err(error) => {
                    let busy = error.message.starts_with("The operation cannot be performed at this time");
                    if !busy || began.elapsed() > BUSY {
                        return Ok(Err(error));
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

/// Whether a service does not have the operation at all.
fn is_unknown(error: &ServiceError) -> bool {
    error.status == 501 || matches!(&*error.code, "UnknownOperationException" | "UnknownOperation")
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

/// `{"$saved": name}` becomes the value saved, `{"$joined": […]}` one text, `{"$entered": {into, key, value}}` the text of
/// the map `into` with an entry more.
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
            if let Some(entered) = map.get("$entered") {
                let text = |name: &str| entered.get(name).and_then(Value::as_str).unwrap_or_default();
                let mut into: Map<String, Value> = serde_json::from_str(text("into")).unwrap_or_default();
                let value = fill(entered.get("value").unwrap_or(&Value::Null), saved);
                into.insert(text("key").to_owned(), value);
                return Value::from(Value::Object(into).to_string());
            }
            map.iter().map(|(key, value)| (key.clone(), fill(value, saved))).collect()
        }
        Value::Array(items) => items.iter().map(|item| fill(item, saved)).collect(),
        plain => plain.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_saved_is_put_into_texts_and_maps() {
        let saved = BTreeMap::from([("password".to_owned(), json!("a\"b"))]);
        let members = json!({
            "One": { "$saved": "password" }, "Joined": { "$joined": ["<", { "$saved": "password" }, ">"] },
            "Map": { "$entered": { "into": "{\"user\": \"me\"}", "key": "password", "value": { "$saved": "password" } } },
        });
        let expected = json!({
            "One": "a\"b", "Joined": "<a\"b>", "Map": "{\"user\":\"me\",\"password\":\"a\\\"b\"}",
        });
        assert_eq!(fill(&members, &saved), expected);
    }
}
