//! Queue attributes: which there are, what they may be, what they are by default.

use std::collections::BTreeMap;

use aws_wire::ServiceError;

use crate::redrive;

/// Attributes that act: name, smallest, largest, default.
const NUMBERS: &[(&str, u64, u64, u64)] = &[
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1_024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// Attributes that are only kept and shown: encryption and access have no effect on this machine.
const SHOWN: &[&str] = &["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "Policy", "SqsManagedSseEnabled"];

/// Attributes of FIFO queues: what they may be, the first by default.
const OF_FIFO: &[(&str, [&str; 2])] = &[
    ("ContentBasedDeduplication", ["false", "true"]),
    ("DeduplicationScope", ["queue", "messageGroup"]),
    ("FifoThroughputLimit", ["perQueue", "perMessageGroupId"]),
];

/// Checks what is given of a FIFO queue, or of one that is none.
fn check_fifo(given: &BTreeMap<String, String>, fifo: bool) -> Result<(), ServiceError> {
    let invalid = |name: &str, why: &str| {
        let message = format!("Invalid value for the parameter {name}.{why}");
        Err(ServiceError::bad_request("InvalidAttributeValue", message))
    };
    for (name, values) in OF_FIFO {
        match given.get(*name) {
            Some(_) if !fifo => {
                let message = format!("Unknown Attribute {name}.");
                return Err(ServiceError::bad_request("InvalidAttributeName", message));
            }
            Some(value) if !values.contains(&value.as_str()) => return invalid(name, ""),
            _ => {}
        }
    }
    let by_group = given.get("FifoThroughputLimit").is_some_and(|limit| limit == "perMessageGroupId");
    if by_group && given.get("DeduplicationScope").is_none_or(|scope| scope != "messageGroup") {
        let why = " Reason: FifoThroughputLimit can be perMessageGroupId only when DeduplicationScope is messageGroup.";
        return invalid("FifoThroughputLimit", why);
    }
    Ok(())
}

/// What FIFO queues have besides, with what is not given.
pub(crate) fn of_fifo(given: &BTreeMap<String, String>) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let value = |name, usual: &str| given.get(name).cloned().unwrap_or_else(|| usual.to_owned());
    OF_FIFO.iter().map(move |(name, [usual, _])| (*name, value(*name, usual)))
}

/// Checks attributes given by a client; what would act and does not yet is refused by name.
pub(crate) fn check(given: &BTreeMap<String, String>, fifo: bool) -> Result<(), ServiceError> {
    check_fifo(given, fifo)?;
    for (name, value) in given {
        if name == "FifoQueue" || OF_FIFO.iter().any(|(of_fifo, _)| of_fifo == name) {
            continue;
        }
        if SHOWN.contains(&name.as_str()) {
            continue;
        }
        if name == "RedrivePolicy" {
            redrive::check(value)?;
            continue;
        }
        let Some((_, smallest, largest, _)) = NUMBERS.iter().find(|(known, ..)| known == name) else {
            return Err(match name.as_str() {
                "RedriveAllowPolicy" => ServiceError::not_implemented(format!(
                    "Tule does not implement the queue attribute {name} yet"
                )),
                _ => ServiceError::bad_request("InvalidAttributeName", format!("Unknown Attribute {name}.")),
            });
        };
        if !value.parse::<u64>().is_ok_and(|value| (*smallest..=*largest).contains(&value)) {
            let message = format!("Invalid value for the parameter {name}.");
            return Err(ServiceError::bad_request("InvalidAttributeValue", message));
        }
    }
    Ok(())
}

/// The value of an attribute that acts.
pub(crate) fn number(given: &BTreeMap<String, String>, name: &str) -> u64 {
    let default = NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |(.., default)| *default);
    given.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// All attributes that act, with their values.
pub(crate) fn numbers(given: &BTreeMap<String, String>) -> impl Iterator<Item = (&'static str, u64)> + '_ {
    NUMBERS.iter().map(|(name, ..)| (*name, number(given, name)))
}
