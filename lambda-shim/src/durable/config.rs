//! `DurableConfig`: what makes a function durable. Only a new function can become one.

use aws_wire::ServiceError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error;

const RETENTION: u32 = 14;

/// A durable function's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DurableConfig {
    /// Seconds.
    pub(crate) execution_timeout: u32,
    /// Days.
    pub(crate) retention: u32,
    /// Kept and shown; there are no keys here.
    pub(crate) kms_key: Option<String>,
}

fn number(given: &Value, name: &str) -> Option<u32> {
    given[name].as_u64().and_then(|number| u32::try_from(number).ok())
}

fn key(given: &Value) -> Option<String> {
    given["KMSKeyArn"].as_str().filter(|arn| !arn.is_empty()).map(str::to_owned)
}

impl DurableConfig {
    /// That of a new function.
    pub(crate) fn create(members: &Map<String, Value>) -> Result<Option<Self>, ServiceError> {
        let Some(given) = members.get("DurableConfig").filter(|given| given.is_object()) else {
            return Ok(None);
        };
        let Some(execution_timeout) = number(given, "ExecutionTimeout") else {
            return Err(error::invalid_parameter(
                "ExecutionTimeout is a required parameter of DurableConfig.",
            ));
        };
        let retention = number(given, "RetentionPeriodInDays").unwrap_or(RETENTION);
        Ok(Some(Self { execution_timeout, retention, kms_key: key(given) }))
    }

    /// Takes over what is given, and leaves the rest.
    pub(crate) fn update(kept: &mut Option<Self>, members: &Map<String, Value>) -> Result<(), ServiceError> {
        let Some(given) = members.get("DurableConfig").filter(|given| given.is_object()) else {
            return Ok(());
        };
        let Some(kept) = kept else {
            return Err(error::invalid_parameter(
                "You can only enable durable execution when creating a function. You cannot enable it on existing \
                 functions.",
            ));
        };
        if let Some(timeout) = number(given, "ExecutionTimeout") {
            kept.execution_timeout = timeout;
        }
        if let Some(retention) = number(given, "RetentionPeriodInDays") {
            kept.retention = retention;
        }
        if given["KMSKeyArn"].is_string() {
            kept.kms_key = key(given);
        }
        Ok(())
    }

    /// As the API shows it.
    pub(crate) fn show(&self) -> Value {
        show(self.execution_timeout, self.retention, self.kms_key.as_deref())
    }
}

/// `DurableConfig`, from its parts.
pub(crate) fn show(timeout: u32, retention: u32, kms_key: Option<&str>) -> Value {
    let mut shown = json!({ "ExecutionTimeout": timeout, "RetentionPeriodInDays": retention });
    if let Some(key) = kms_key {
        shown["KMSKeyArn"] = key.into();
    }
    shown
}
