//! Patch operations, which update everything in a REST API's control plane.

use aws_wire::ServiceError;
use serde::Deserialize;

use crate::error::bad_request;

/// One change.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Patch {
    #[serde(default)]
    pub op: String,
    #[serde(default)]
    pub path: String,
    pub value: Option<String>,
    pub from: Option<String>,
}

impl Patch {
    /// The parts of the path, with `~1` and `~0` undone.
    pub fn segments(&self) -> Vec<String> {
        let decode = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
        self.path.split('/').skip(1).map(decode).collect()
    }

    pub fn value(&self) -> String {
        self.value.clone().unwrap_or_default()
    }

    /// The value as AWS reads booleans: anything but `true` is false.
    pub fn is_true(&self) -> bool {
        self.value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub fn invalid_path(&self) -> ServiceError {
        bad_request(format!("Invalid patch path {}", self.path))
    }

    /// Refuses all but `replace`.
    pub fn only_replace(&self) -> Result<(), ServiceError> {
        if self.op == "replace" {
            return Ok(());
        }
        Err(bad_request("Invalid patch operation specified. Must be one of: [replace]"))
    }

    /// Whether this sets (`add`, `replace`) or removes; AWS has no other changes here.
    pub fn sets(&self) -> Result<bool, ServiceError> {
        match self.op.as_str() {
            "add" | "replace" => Ok(true),
            "remove" => Ok(false),
            _ => Err(bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")),
        }
    }
}
