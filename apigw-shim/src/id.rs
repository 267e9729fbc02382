//! Identifiers: ten lower-case letters and digits, as API Gateway makes them.

use std::collections::BTreeMap;

pub(crate) use proxy_events::random_id as random;

/// The tag that chooses an API's id, for scripts that want one they know.
const CUSTOM_ID: &str = "_custom_id_";

/// An API's new identifier.
pub(crate) fn api(tags: &BTreeMap<String, String>) -> String {
    tags.get(CUSTOM_ID).cloned().unwrap_or_else(|| random(10))
}
