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

/// Checks attributes given by a client; what would act and does not yet is refused by name.
pub(crate) fn check(given: &BTreeMap<String, String>) -> Result<(), ServiceError> {
    for (name, value) in given {
        if SHOWN.contains(&name.as_str()) {
            continue;
        }
        if name == "RedrivePolicy" {
            redrive::check(value)?;
            continue;
        }
        let Some((_, smallest, largest, _)) = NUMBERS.iter().find(|(known, ..)| known == name) else {
            return Err(match name.as_str() {
                "FifoQueue"
                | "ContentBasedDeduplication"
                | "RedriveAllowPolicy"
                | "DeduplicationScope"
                | "FifoThroughputLimit" => ServiceError::not_implemented(format!(
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
