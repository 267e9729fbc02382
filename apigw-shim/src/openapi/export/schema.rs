//! Models into schemas.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Export, reference};
use crate::rest_api::record::Model;

/// Whether a model is of JSON, as all are that documents can have.
fn has_json(model: &Model) -> bool {
    model.content_type.contains("json")
}

impl Export<'_> {
    /// All models, but those that every API has from the start and that nothing uses.
    pub(super) fn schemas(&self) -> Map<String, Value> {
        let models = &self.snapshot.models;
        let mut used = BTreeSet::new();
        for method in self.snapshot.resources.iter().flat_map(|resource| resource.resource_methods.values()) {
            used.extend(method.request_models.iter().flatten().map(|(_, name)| name.as_str()));
            let responses = method.method_responses.values();
            used.extend(
                responses
                    .flat_map(|response| response.response_models.iter().flatten())
                    .map(|(_, name)| name.as_str()),
            );
        }
        let is_default = |model: &Model| {
            let description = model.description.as_deref().unwrap_or_default();
            description.starts_with("This is a default ") && ["Empty", "Error"].contains(&model.name.as_str())
        };
        let wanted = models.iter().filter(|model| has_json(model));
        let wanted = wanted.filter(|model| !is_default(model) || used.contains(model.name.as_str()));
        wanted.filter_map(|model| Some((model.name.clone(), self.schema(&model.schema)?))).collect()
    }

    fn schema(&self, text: &str) -> Option<Value> {
        let mut schema: Value = serde_json::from_str(text).ok()?;
        reference::rewrite(&mut schema, &|target| reference::model(target).map(|name| self.place(name)));
        if let Value::Object(members) = &mut schema {
            members.remove("$schema");
        }
        Some(schema)
    }
}
