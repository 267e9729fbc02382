//! ARNs of DynamoDB Local, which calls every region `ddblocal` and every account by zeros.
//!
//! No service takes such an ARN: Lambda refuses it as the source of an event source mapping. What Tule itself hears of such
//! an endpoint is therefore put into the caller's own account and region, and what it asks is put back.

use std::sync::atomic::{AtomicBool, Ordering};

use runtime::Scope;
use serde_json::Value;

const LOCAL: &str = "arn:aws:dynamodb:ddblocal:000000000000:";

/// Whether the endpoint that serves DynamoDB is known to be DynamoDB Local: it has said so itself, since this process
/// began.
#[derive(Debug, Default)]
pub(crate) struct DynamodbLocal(AtomicBool);

impl DynamodbLocal {
    /// The members as DynamoDB Local takes them, if it serves and they name anything by ARN.
    pub(crate) fn asked(&self, members: &Value) -> Option<Value> {
        if self.0.load(Ordering::Relaxed) { localized(members) } else { None }
    }

    /// An answer as services take it.
    pub(crate) fn answered(&self, body: &[u8], answer: &mut Value, scope: &Scope) {
        if memchr::memmem::find(body, LOCAL.as_bytes()).is_none() {
            return;
        }
        let ours = format!("arn:aws:dynamodb:{}:{}:", scope.region, scope.account);
        let found = rename(answer, &|arn| Some(format!("{ours}{}", arn.strip_prefix(LOCAL)?)));
        if found {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// What to ask instead where an ARN is not found and nobody has said yet who serves.
    pub(crate) fn guess(&self, members: &Value) -> Option<Value> {
        if self.0.load(Ordering::Relaxed) { None } else { localized(members) }
    }
}

fn localized(members: &Value) -> Option<Value> {
    let mut members = members.clone();
    let local = |arn: &str| {
        let (_, resource) = arn.strip_prefix("arn:aws:dynamodb:")?.split_once(':')?.1.split_once(':')?;
        Some(format!("{LOCAL}{resource}"))
    };
    rename(&mut members, &local).then_some(members)
}

/// Changes the ARNs in a message; gives whether there were any. The members of items are no ARNs: each is a map of its
/// type and value.
fn rename(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) -> bool {
    match value {
        Value::Object(map) => {
            let mut any = false;
            for (name, value) in map {
                any |= match value {
                    Value::String(arn) if name.ends_with("Arn") => match change(arn) {
                        Some(changed) => {
                            *arn = changed;
                            true
                        }
                        None => false,
                    },
                    inner => rename(inner, change),
                };
            }
            any
        }
        Value::Array(items) => {
            let mut any = false;
            for item in items {
                any |= rename(item, change);
            }
            any
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn its_arns_are_ours_on_the_way_in_and_its_own_on_the_way_out() {
        let local = DynamodbLocal::default();
        let scope = Scope::new("111111111111", "eu-west-1");
        let stream = |arn: &str| json!({ "StreamArn": arn });
        let ours = stream("arn:aws:dynamodb:eu-west-1:111111111111:table/t/stream/1");
        let theirs = stream("arn:aws:dynamodb:ddblocal:000000000000:table/t/stream/1");
        assert_eq!(local.asked(&ours), None, "nobody knows yet who serves");
        assert_eq!(local.guess(&ours), Some(theirs.clone()));
        let text = json!({ "Streams": [theirs], "Item": { "a": { "S": LOCAL } } });
        let mut answer = text.clone();
        local.answered(text.to_string().as_bytes(), &mut answer, &scope);
        assert_eq!(answer, json!({ "Streams": [ours], "Item": { "a": { "S": LOCAL } } }));
        assert_eq!(local.asked(&ours), Some(theirs));
        assert_eq!((local.guess(&ours), local.asked(&json!({ "TableName": "t" }))), (None, None));
    }

    #[test]
    fn other_endpoints_are_left_alone() {
        let local = DynamodbLocal::default();
        let answer = json!({ "TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t" });
        let mut heard = answer.clone();
        local.answered(answer.to_string().as_bytes(), &mut heard, &Scope::new("111111111111", "eu-west-1"));
        assert_eq!(heard, answer);
        assert_eq!(local.asked(&answer), None);
    }
}
