//! Dead letter queues: where a message goes that was received too often.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use serde_json::Value;

use crate::{
    State,
    queue::{self, Queue},
};

/// A queue's `RedrivePolicy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redrive {
    /// The dead letter queue's ARN.
    pub(crate) target: String,
    /// A message that was received so often goes there when it would be received again.
    pub(crate) most_receives: u64,
}

fn invalid(policy: &str, reason: &str) -> ServiceError {
    let message = format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}");
    ServiceError::bad_request("InvalidParameterValue", message)
}

/// Reads a policy; none is an empty text, which takes a policy back.
fn read(policy: &str) -> Result<Option<Redrive>, ServiceError> {
    if policy.is_empty() {
        return Ok(None);
    }
    let value: Option<Value> = serde_json::from_str(policy).ok().filter(Value::is_object);
    let value = value.ok_or_else(|| invalid(policy, "Redrive policy is not a valid JSON map."))?;
    let missing =
        |name| invalid(policy, &format!("Redrive policy does not contain mandatory attribute: {name}."));
    let target =
        value["deadLetterTargetArn"].as_str().ok_or_else(|| missing("deadLetterTargetArn"))?.to_owned();
    // Clients send the number as a text, too.
    let count = match &value["maxReceiveCount"] {
        Value::Null => return Err(missing("maxReceiveCount")),
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    match count {
        Some(most_receives @ 1..=1000) => Ok(Some(Redrive { target, most_receives })),
        _ => {
            let given = value["maxReceiveCount"].to_string().replace('"', "");
            let reason = format!(
                "Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive."
            );
            Err(invalid(policy, &reason))
        }
    }
}

/// Checks a policy that a client gives.
pub(crate) fn check(policy: &str) -> Result<(), ServiceError> {
    read(policy).map(drop)
}

/// Checks that the dead letter queue of attributes given for a queue is there, and of the queue's type.
pub(crate) fn target_must_exist(
    state: &State,
    attributes: &BTreeMap<String, String>,
    fifo: bool,
) -> Result<(), ServiceError> {
    let Some(policy) = attributes.get("RedrivePolicy") else { return Ok(()) };
    let Some(redrive) = read(policy)? else { return Ok(()) };
    match target(state, &redrive) {
        None => Err(invalid(policy, "Dead letter target does not exist.")),
        Some(target) if target.is_fifo() != fifo => {
            Err(invalid(policy, "Dead-letter queue must be same type of queue as the source."))
        }
        Some(_) => Ok(()),
    }
}

/// A queue's policy.
pub(crate) fn of(queue: &Queue) -> Option<Redrive> {
    read(queue.attributes.get("RedrivePolicy")?).ok().flatten()
}

/// The queue that a policy names.
pub(crate) fn target(state: &State, redrive: &Redrive) -> Option<std::sync::Arc<Queue>> {
    let parts: Vec<&str> = redrive.target.split(':').collect();
    match parts[..] {
        [_, _, "sqs", region, account, name] => state.queues.get(&queue::key(account, region, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read() {
        let read = |policy: &str| read(policy).map_err(|error| error.message);
        let redrive = Redrive { target: "arn".to_owned(), most_receives: 2 };
        assert_eq!(read(r#"{"deadLetterTargetArn":"arn","maxReceiveCount":2}"#), Ok(Some(redrive.clone())));
        assert_eq!(read(r#"{"deadLetterTargetArn":"arn","maxReceiveCount":"2"}"#), Ok(Some(redrive)));
        assert_eq!(read(""), Ok(None));
        for (wrong, why) in [
            ("text", "not a valid JSON map."),
            (r#"{"maxReceiveCount":2}"#, "mandatory attribute: deadLetterTargetArn."),
            (r#"{"deadLetterTargetArn":"arn"}"#, "mandatory attribute: maxReceiveCount."),
            (
                r#"{"deadLetterTargetArn":"arn","maxReceiveCount":0}"#,
                "maxReceiveCount: 0, valid values are from 1 to 1000",
            ),
        ] {
            assert!(read(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }
}
