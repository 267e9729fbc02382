//! What the store keeps of HTTP APIs. Members are kept as they came, under the model's names: most are only shown.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An API itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Api {
    pub id: String,
    /// When it was made among all APIs.
    pub sequence: u64,
    pub members: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
}

/// A route: a method and a path, and the integration behind it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    pub id: String,
    pub members: Map<String, Value>,
}

/// An integration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Integration {
    pub id: String,
    pub members: Map<String, Value>,
}

/// Something that belongs to an API, or to a part of it: an authorizer, a model, a response.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Child {
    pub id: String,
    /// The route or integration that it belongs to, for responses.
    #[serde(default)]
    pub parent: Option<String>,
    pub members: Map<String, Value>,
}

/// Routes and integrations, and what belongs to them, as they were when they were deployed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub id: String,
    pub sequence: u64,
    pub members: Map<String, Value>,
    pub routes: Vec<Arc<Route>>,
    pub integrations: Vec<Arc<Integration>>,
    #[serde(default)]
    pub authorizers: Vec<Arc<Child>>,
    #[serde(default)]
    pub integration_responses: Vec<Arc<Child>>,
    #[serde(default)]
    pub route_responses: Vec<Arc<Child>>,
    #[serde(default)]
    pub models: Vec<Arc<Child>>,
}

/// A stage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub name: String,
    pub auto_deploy: bool,
    pub deployment_id: Option<String>,
    pub variables: BTreeMap<String, String>,
    pub members: Map<String, Value>,
    pub tags: BTreeMap<String, String>,
}

/// A member that is a text.
pub(crate) fn text<'m>(members: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    members.get(name).and_then(Value::as_str)
}
