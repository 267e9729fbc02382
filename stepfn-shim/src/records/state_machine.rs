//! State machines, their revisions, versions and aliases; activities.

use std::{collections::BTreeMap, sync::Arc};

use asl::Definition;
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Key;

use super::scope_key;

/// A state machine as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MachineRecord {
    pub(crate) name: String,
    pub(crate) express: bool,
    pub(crate) created: Timestamp,
    /// The id of the revision in use.
    pub(crate) revision: String,
    /// Whether it was ever updated; only then does AWS show a revision's id.
    pub(crate) updated: bool,
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) versions: Vec<VersionRecord>,
    /// The number the next version gets; numbers are never used twice.
    #[serde(default)]
    pub(crate) last_version: u64,
    #[serde(default)]
    pub(crate) aliases: BTreeMap<String, AliasRecord>,
}

/// A published version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) number: u64,
    pub(crate) revision: String,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
}

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    pub(crate) description: Option<String>,
    pub(crate) routes: Vec<Route>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

/// A version an alias leads to, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) version: u64,
    pub(crate) weight: u64,
}

/// A definition with what belongs to it; never changed once it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RevisionRecord {
    pub(crate) id: String,
    pub(crate) definition: String,
    pub(crate) role_arn: String,
    pub(crate) logging: Option<Value>,
    pub(crate) tracing: Option<Value>,
    pub(crate) encryption: Option<Value>,
    pub(crate) created: Timestamp,
}

/// A revision, compiled.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(crate) record: RevisionRecord,
    pub(crate) definition: Arc<Definition>,
}

/// A state machine in memory.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) scope: Scope,
    pub(crate) arn: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) record: MachineRecord,
    pub(crate) revision: Arc<Revision>,
}

impl Machine {
    pub(crate) fn key(scope: &Scope, name: &str) -> Key {
        scope_key(scope).text(name)
    }

    pub(crate) fn arn(scope: &Scope, name: &str) -> String {
        scope.arn("states", &format!("stateMachine:{name}"))
    }

    pub(crate) fn type_name(&self) -> &'static str {
        if self.record.express { "EXPRESS" } else { "STANDARD" }
    }
}

impl RevisionRecord {
    pub(crate) fn key(scope: &Scope, machine: &str, id: &str) -> Key {
        Machine::key(scope, machine).text(id)
    }

    /// Whether the other says the same.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.definition == other.definition
            && self.role_arn == other.role_arn
            && self.logging == other.logging
            && self.tracing == other.tracing
            && self.encryption == other.encryption
    }
}

/// An activity as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ActivityRecord {
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) encryption: Option<Value>,
    pub(crate) tags: BTreeMap<String, String>,
}
