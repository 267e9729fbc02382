//! A mapping as it is kept and as it is shown.

use std::collections::BTreeMap;

use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::source::Source;
use crate::function::name;

/// The format of stored records.
pub(crate) const RECORD_VERSION: u32 = 1;

/// An event source mapping.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mapping {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) uuid: String,
    /// The function's name.
    pub(crate) function: String,
    /// Version or alias, where one was named.
    pub(crate) qualifier: Option<String>,
    pub(crate) source: Source,
    /// None for self-managed clusters.
    pub(crate) source_arn: Option<String>,
    /// By AWS's names, with defaults.
    pub(crate) settings: Map<String, Value>,
    pub(crate) enabled: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What is under way with a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Settled,
    Creating,
    Enabling,
    Disabling,
    Updating,
    Deleting,
}

impl Mapping {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    pub(crate) fn arn(&self) -> String {
        self.scope().arn("lambda", &format!("event-source-mapping:{}", self.uuid))
    }

    pub(crate) fn function_arn(&self) -> String {
        name::arn(&self.scope(), &self.function, self.qualifier.as_deref())
    }

    /// `EventSourceMappingConfiguration`.
    pub(crate) fn shown(&self, phase: Phase, result: Option<String>) -> Map<String, Value> {
        let mut members = self.settings.clone();
        let mut put = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        if let Some(arn) = &self.source_arn {
            put("EventSourceArn", arn.as_str().into());
        }
        put("UUID", self.uuid.as_str().into());
        put("EventSourceMappingArn", self.arn().into());
        put("FunctionArn", self.function_arn().into());
        put("LastModified", self.modified.epoch_seconds().into());
        put("StateTransitionReason", self.source.transition_reason().into());
        let state = match phase {
            Phase::Settled if self.enabled => "Enabled",
            Phase::Settled => "Disabled",
            Phase::Creating => "Creating",
            Phase::Enabling => "Enabling",
            Phase::Disabling => "Disabling",
            Phase::Updating => "Updating",
            Phase::Deleting => "Deleting",
        };
        put("State", state.into());
        if let Some(result) = result {
            put("LastProcessingResult", result.into());
        }
        members
    }
}
