//! What is known of a layer, as it is kept and stored.

use runtime::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::function::record::{Code, Policy};

/// The format of stored records.
pub(crate) const RECORD_VERSION: u32 = 1;

/// A layer: it stays when all of its versions are deleted, since numbers are not used again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// The number of the newest version ever published.
    pub(crate) last_version: u64,
}

/// One version of a layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LayerVersion {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) layer: String,
    pub(crate) number: u64,
    pub(crate) code: Code,
    pub(crate) description: String,
    pub(crate) license: Option<String>,
    /// As they were given; `None` where nothing was said.
    pub(crate) runtimes: Option<Vec<String>>,
    pub(crate) architectures: Option<Vec<String>>,
    /// `2026-11-22T13:05:00.000+0000`.
    pub(crate) created: String,
    pub(crate) policy: Option<Policy>,
    /// It is shown no more, and stays for the functions that have it.
    pub(crate) deleted: bool,
}

impl LayerVersion {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    /// The ARN of the layer.
    pub(crate) fn layer_arn(&self) -> String {
        self.scope().arn("lambda", &format!("layer:{}", self.layer))
    }

    /// The ARN of this version.
    pub(crate) fn arn(&self) -> String {
        format!("{}:{}", self.layer_arn(), self.number)
    }

    /// Whether it says that it is for what is asked for.
    pub(crate) fn suits(&self, runtime: Option<&str>, architecture: Option<&str>) -> bool {
        let says = |list: &Option<Vec<String>>, asked: Option<&str>| {
            asked.is_none_or(|asked| list.iter().flatten().any(|one| one == asked))
        };
        says(&self.runtimes, runtime) && says(&self.architectures, architecture)
    }

    /// `LayerVersionsListItem`.
    pub(crate) fn listed(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                members.insert(name.to_owned(), value);
            }
        };
        put("LayerVersionArn", self.arn().into());
        put("Version", self.number.into());
        put("Description", self.description.as_str().into());
        put("CreatedDate", self.created.as_str().into());
        put("CompatibleArchitectures", json!(self.architectures));
        put("CompatibleRuntimes", json!(self.runtimes));
        put("LicenseInfo", json!(self.license));
        members
    }

    /// `GetLayerVersionResponse`, with a link to the archive.
    pub(crate) fn shown(&self, link: &str) -> Map<String, Value> {
        let mut members = self.listed();
        members.insert("LayerArn".into(), self.layer_arn().into());
        members.insert(
            "Content".into(),
            json!({"Location": link, "CodeSha256": self.code.sha256, "CodeSize": self.code.size}),
        );
        members
    }
}
