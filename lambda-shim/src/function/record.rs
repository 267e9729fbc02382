//! What is known of a function, as it is kept and stored.

use std::{collections::BTreeMap, path::PathBuf};

use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The format of stored records; a reader refuses newer ones.
pub(crate) const RECORD_VERSION: u32 = 1;

/// A function with all its versions and aliases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) format: u32,
    pub(crate) latest: Configuration,
    /// Published versions, by number.
    pub(crate) versions: BTreeMap<u64, Configuration>,
    /// The number of the newest version ever published; numbers are not used again.
    pub(crate) last_version: u64,
    pub(crate) aliases: BTreeMap<String, Alias>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) reserved_concurrency: Option<u32>,
    /// Resource policies, by qualifier; the function's own under the empty text.
    pub(crate) policies: BTreeMap<String, Policy>,
    /// How events are worked off, by qualifier (`$LATEST` where none was given).
    #[serde(default)]
    pub(crate) event_configs: BTreeMap<String, EventConfig>,
    /// Function URLs, by alias; the function's own under the empty text.
    #[serde(default)]
    pub(crate) urls: BTreeMap<String, FunctionUrl>,
    /// `Allow` or `Terminate`; nothing said is `Terminate`.
    #[serde(default)]
    pub(crate) recursive_loop: Option<String>,
    /// Provisioned concurrency, by version or alias.
    #[serde(default)]
    pub(crate) provisioned: BTreeMap<String, ProvisionedConfig>,
    /// The ARN of the code signing configuration.
    #[serde(default)]
    pub(crate) code_signing: Option<String>,
    /// When runtimes are updated, by version.
    #[serde(default)]
    pub(crate) runtime_management: BTreeMap<String, RuntimeManagement>,
    /// `$LATEST.PUBLISHED`, of functions on managed instances.
    #[serde(default)]
    pub(crate) latest_published: Option<Configuration>,
    /// How many environments versions have on managed instances, by version.
    #[serde(default)]
    pub(crate) scaling: BTreeMap<String, Scaling>,
}

/// How many environments a version has on managed instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scaling {
    pub(crate) least: Option<u32>,
    pub(crate) most: Option<u32>,
}

/// When a version's runtime is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuntimeManagement {
    /// `Auto`, `FunctionUpdate` or `Manual`.
    pub(crate) update_on: String,
    /// With `Manual`.
    pub(crate) version_arn: Option<String>,
}

/// How many environments of a version, or of an alias's version, are kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProvisionedConfig {
    pub(crate) requested: u32,
    /// `2026-11-22T13:05:00.000+0000`.
    pub(crate) modified: String,
}

/// A function URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionUrl {
    /// The first label of its host.
    pub(crate) id: String,
    /// `NONE` or `AWS_IAM`.
    pub(crate) auth_type: String,
    pub(crate) cors: Option<Value>,
    /// As it was given.
    pub(crate) invoke_mode: Option<String>,
    /// Milliseconds since the epoch.
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

/// What one version is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// `$LATEST` or a number.
    pub(crate) version: String,
    pub(crate) runtime: Option<String>,
    pub(crate) role: String,
    pub(crate) handler: Option<String>,
    pub(crate) description: String,
    /// Seconds.
    pub(crate) timeout: u32,
    /// MB.
    pub(crate) memory_size: u32,
    /// `None` where none were ever given: AWS leaves the member out then.
    pub(crate) environment: Option<Map<String, Value>>,
    pub(crate) architecture: String,
    /// MB of `/tmp`.
    pub(crate) ephemeral_storage: u32,
    pub(crate) logging: Logging,
    pub(crate) code: Code,
    /// `None` for functions from archives.
    #[serde(default)]
    pub(crate) image: Option<Image>,
    /// In the order in which they are merged.
    #[serde(default)]
    pub(crate) layers: Vec<LayerOfFunction>,
    /// `TenancyConfig`, of functions whose environments serve one tenant each.
    #[serde(default)]
    pub(crate) tenancy: Option<Value>,
    /// The ARN of the dead letter queue.
    #[serde(default)]
    pub(crate) dead_letters: Option<String>,
    /// The capacity provider whose instances it runs on.
    #[serde(default)]
    pub(crate) capacity: Option<super::managed::Capacity>,
    /// What makes the function durable, if it is.
    #[serde(default)]
    pub(crate) durable: Option<crate::durable::config::DurableConfig>,
    /// Members that are shown again and have no effect here: see [`ECHOED`].
    pub(crate) echoed: Map<String, Value>,
    /// `2026-11-22T13:05:00.000+0000`.
    pub(crate) last_modified: String,
    pub(crate) revision_id: String,
    /// Changes with code and configuration: environments of another deployment are not used.
    pub(crate) deployment: String,
    pub(crate) state: State,
    pub(crate) last_update: Option<Update>,
}

/// Settings that are stored and shown again as they were given. Of those without a local effect, because a template
/// that sets them must deploy, and there is nothing here that they could act on: no private networks, no keys. What
/// `VpcConfig` names has to be there all the same: see [`super::network`]. `TracingConfig` decides what the trace header
/// says, and `SnapStart` acts on published versions: see [`Configuration::has_snapshot`].
pub(crate) const ECHOED: [&str; 4] = ["VpcConfig", "KMSKeyArn", "TracingConfig", "SnapStart"];

/// Where a version's code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// Base64 of the archive's SHA-256.
    pub(crate) sha256: String,
    /// Bytes of the archive.
    pub(crate) size: u64,
    /// The blob that holds the archive.
    pub(crate) blob: String,
    /// Bytes of what the archive holds; 0 in records from before layers.
    #[serde(default)]
    pub(crate) unzipped: u64,
    /// The folders of this machine that are the code instead of an archive; see [`crate::code::folder`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) folders: Vec<PathBuf>,
}

/// A container image that is a version's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// As it was given: `name:tag`, with a registry or without.
    pub(crate) uri: String,
    /// The image's own id when it was given, `sha256:…`: a tag that moves later does not change the function. `None`
    /// where it was not on this machine then.
    pub(crate) id: Option<String>,
    /// `ImageConfig`: what it says in place of the image.
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) working_directory: Option<String>,
}

impl Image {
    /// `ImageConfig` as it is shown, if it says anything.
    pub(crate) fn config(&self) -> Option<Value> {
        let mut config = Map::new();
        if let Some(entry_point) = &self.entry_point {
            config.insert("EntryPoint".into(), entry_point.clone().into());
        }
        if let Some(command) = &self.command {
            config.insert("Command".into(), command.clone().into());
        }
        if let Some(directory) = &self.working_directory {
            config.insert("WorkingDirectory".into(), directory.as_str().into());
        }
        (!config.is_empty()).then_some(Value::Object(config))
    }
}

/// A layer that a version has. It is found here and not looked up: it stays when the layer's version is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerOfFunction {
    /// Of the layer's version.
    pub(crate) arn: String,
    pub(crate) code: Code,
}

/// How a function logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Logging {
    pub(crate) json: bool,
    pub(crate) application_level: String,
    pub(crate) system_level: String,
    pub(crate) group: String,
}

/// The state of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Pending,
    Active,
    /// On managed instances: it is to have no environments.
    Deactivated,
    Failed(String),
}

/// The last update of `$LATEST`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Update {
    InProgress,
    Successful,
    Failed(String),
}

/// An alias.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) version: String,
    pub(crate) description: String,
    /// One other version and its share of the invocations.
    pub(crate) additional: Option<(String, f64)>,
    pub(crate) revision_id: String,
}

/// A resource policy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) revision_id: String,
    pub(crate) statements: Vec<Value>,
    /// The document's `Id`, where it is not the one that Lambda gives.
    #[serde(default)]
    pub(crate) id: Option<String>,
}

/// How events are worked off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventConfig {
    /// Attempts after the first.
    pub(crate) retries: Option<u64>,
    /// Seconds.
    pub(crate) maximum_age: Option<u64>,
    /// ARNs of what is told.
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
    /// Milliseconds since the epoch.
    pub(crate) modified: i64,
}

impl Function {
    /// A function that has just been created.
    pub(crate) fn new(latest: Configuration, tags: BTreeMap<String, String>) -> Self {
        Self {
            format: RECORD_VERSION,
            latest,
            versions: BTreeMap::new(),
            last_version: 0,
            aliases: BTreeMap::new(),
            tags,
            reserved_concurrency: None,
            policies: BTreeMap::new(),
            recursive_loop: None,
            provisioned: BTreeMap::new(),
            code_signing: None,
            runtime_management: BTreeMap::new(),
            latest_published: None,
            scaling: BTreeMap::new(),
            event_configs: BTreeMap::new(),
            urls: BTreeMap::new(),
        }
    }

    /// The configuration behind a version's name.
    pub(crate) fn version(&self, version: &str) -> Option<&Configuration> {
        if version == super::name::LATEST {
            return Some(&self.latest);
        }
        if version == super::name::LATEST_PUBLISHED {
            return self.latest_published.as_ref();
        }
        version.parse().ok().and_then(|number: u64| self.versions.get(&number))
    }

    /// The same to change it.
    pub(crate) fn version_mut(&mut self, version: &str) -> Option<&mut Configuration> {
        if version == super::name::LATEST {
            return Some(&mut self.latest);
        }
        if version == super::name::LATEST_PUBLISHED {
            return self.latest_published.as_mut();
        }
        version.parse().ok().and_then(|number: u64| self.versions.get_mut(&number))
    }

    /// The configuration behind a qualifier: a version, or the version an alias points to.
    pub(crate) fn qualified(&self, qualifier: Option<&str>) -> Option<&Configuration> {
        let Some(qualifier) = qualifier else { return Some(&self.latest) };
        match self.aliases.get(qualifier) {
            Some(alias) => self.version(&alias.version),
            None => self.version(qualifier),
        }
    }

    /// All versions that cannot change.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Configuration> {
        self.latest_published.iter().chain(self.versions.values())
    }

    /// The ARNs of every layer version that is referred to.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.latest)
            .chain(self.published())
            .flat_map(|configuration| configuration.layers.iter().map(|layer| &*layer.arn))
    }

    /// Every archive that is still referred to.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.latest).chain(self.published()).map(|configuration| &*configuration.code.blob)
    }
}

impl Configuration {
    /// Whether environments of this version are made of a snapshot.
    pub(crate) fn has_snapshot(&self) -> bool {
        let asked = self.echoed.get("SnapStart").is_some_and(|asked| asked["ApplyOn"] == "PublishedVersions");
        asked && self.version != super::name::LATEST
    }

    /// Whether what nobody has decided on is sampled.
    pub(crate) fn is_traced(&self) -> bool {
        self.echoed.get("TracingConfig").is_some_and(|config| config["Mode"] == "Active")
    }

    /// A fresh revision id: anything that changed shows by it.
    pub(crate) fn revise(&mut self) {
        self.revision_id = new_id();
    }

    /// Whether it is a version whose environments are there before it is ready.
    pub(crate) fn is_managed_version(&self) -> bool {
        self.capacity.is_some() && self.version != super::name::LATEST
    }

    /// What changes in a configuration when it is published under a name.
    pub(crate) fn publish_as(&mut self, version: &str) {
        self.version = version.to_owned();
        self.revise();
        if let Some(snap_start) = self.echoed.get_mut("SnapStart")
            && snap_start["ApplyOn"] == "PublishedVersions"
        {
            snap_start["OptimizationStatus"] = "On".into();
        }
    }

    /// Marks a change of code or configuration at `now`: environments made before are not used any more.
    pub(crate) fn redeploy(&mut self, now: Timestamp) {
        self.revise();
        self.deployment = new_id();
        self.last_modified = last_modified(now);
    }
}

/// A random UUID as text.
pub(crate) fn new_id() -> String {
    runtime::new_request_id().to_string()
}

/// A moment as Lambda prints it.
pub(crate) fn last_modified(at: Timestamp) -> String {
    at.rfc3339().replace('Z', "+0000")
}
