//! Schemas into models: those that the document names, and those that stand in operations themselves.

use std::collections::{BTreeMap, HashMap};

use ring::digest;
use serde_json::{Map, Value};

use super::{Reader, Version};
use crate::{
    openapi::{object, reference, text},
    schema,
};

/// More models than any document has.
const MOST_MODELS: usize = 2_000;

/// More patterns than any document has: each is compiled once to see whether it is one.
const MOST_PATTERNS: usize = 10_000;

/// What has no meaning in a model: it is about documents, not about bodies.
const DROPPED: &[&str] =
    &["deprecated", "discriminator", "example", "externalDocs", "readOnly", "writeOnly", "xml"];

/// A model, its references in the form `#/components/schemas/NAME`.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub name: String,
    pub description: Option<String>,
    pub schema: Value,
}

#[derive(Debug, Default)]
pub(super) struct Models {
    schemas: Vec<Schema>,
    /// All names there are, each with a schema that takes anything.
    stubs: BTreeMap<String, Value>,
    /// Names of schemas that have been read, by where they stand in the document.
    read: HashMap<usize, Option<String>>,
}

impl Models {
    fn add(&mut self, name: &str, schema: Value) {
        let description = schema.as_object().and_then(|schema| text(schema, "description"));
        let description = description.filter(|text| !text.is_empty());
        self.stubs.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
        self.schemas.push(Schema { name: name.to_owned(), description, schema });
    }

    pub fn into_schemas(self) -> Vec<Schema> {
        self.schemas
    }
}

impl<'d> Reader<'d> {
    /// Reads all models that the document names.
    pub(super) fn read_models(&mut self) {
        let found = match self.version {
            Version::Swagger2 => object(self.document, "definitions"),
            Version::OpenApi3 => object(self.document, "components").and_then(|all| object(all, "schemas")),
        };
        let Some(found) = found else { return };
        if found.len() > MOST_MODELS {
            self.notes.fail(format!("The document has more than {MOST_MODELS} models"));
            return;
        }
        if found.values().map(patterns).sum::<usize>() > MOST_PATTERNS {
            self.notes.fail(format!("The document's models have more than {MOST_PATTERNS} patterns"));
            return;
        }
        self.models.stubs = found.keys().map(|name| (name.clone(), Value::Object(Map::new()))).collect();
        for (name, schema) in found {
            if self.notes.is_full() {
                return;
            }
            match checked(name, plain(schema), &mut self.models.stubs) {
                Ok(schema) => self.models.add(name, schema),
                Err(reason) => {
                    self.notes.fail(format!("Unable to create model for '{name}': {reason}"));
                }
            }
        }
    }

    /// The model of a body's schema: the one it names, or one of its own.
    pub(super) fn model_of(&mut self, schema: &'d Value) -> Option<String> {
        // References lead to the same place again and again.
        let place = std::ptr::from_ref(schema).addr();
        if let Some(known) = self.models.read.get(&place) {
            return known.clone();
        }
        let name = self.read_model(schema);
        self.models.read.insert(place, name.clone());
        name
    }

    fn read_model(&mut self, schema: &Value) -> Option<String> {
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference::model(target).filter(|name| self.models.stubs.contains_key(*name));
            if name.is_none() {
                let name = target.rsplit('/').next().unwrap_or_default();
                self.notes.warn(format!("Reference to model '{name}' not found. Ignoring."));
            }
            return name.map(str::to_owned);
        }
        let schema = plain(schema);
        // The same schema has the same name, so that a document that is imported again makes the same models.
        let hash = digest::digest(&digest::SHA256, schema.to_string().as_bytes());
        let hex: String = hash.as_ref().iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("MODEL{hex}");
        if self.models.stubs.contains_key(&name) {
            return Some(name);
        }
        if self.models.stubs.len() >= MOST_MODELS {
            self.notes.fail(format!("The document has more than {MOST_MODELS} models"));
            return None;
        }
        match checked(&name, schema, &mut self.models.stubs) {
            Ok(schema) => {
                self.models.add(&name, schema);
                Some(name)
            }
            Err(reason) => {
                self.notes.fail(format!("Unable to create model for '{name}': {reason}"));
                None
            }
        }
    }
}

/// A model that bodies can be checked with. Others are there in name only, so that each is looked at but once.
fn checked(name: &str, mut schema: Value, stubs: &mut BTreeMap<String, Value>) -> Result<Value, String> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("Model name must be alphanumeric: {name}"));
    }
    let refused = |reason: &str| {
        format!(
            "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. \
             {reason}]"
        )
    };
    let mut names = Vec::new();
    if !references(&schema, &mut names) {
        return Err(refused("Model reference must be in canonical form"));
    }
    if let Some(missing) = names.iter().find(|other| *other != name && !stubs.contains_key(*other)) {
        return Err(refused(&format!("Reference to model '{missing}' not found")));
    }
    reference::rewrite(&mut schema, &|target| {
        reference::model(target).map(|name| reference::canonical("x", name))
    });
    let stub = stubs.insert(name.to_owned(), schema);
    let compiled = schema::compile(name, stubs).map(drop);
    let mut schema = match stub {
        Some(stub) => stubs.insert(name.to_owned(), stub),
        None => stubs.remove(name),
    }
    .unwrap_or_default();
    compiled.map_err(|reason| refused(&reason))?;
    reference::rewrite(&mut schema, &|target| {
        reference::model(target).map(|name| format!("#/components/schemas/{name}"))
    });
    Ok(schema)
}

/// How many regular expressions a schema has.
fn patterns(schema: &Value) -> usize {
    match schema {
        Value::Object(members) => {
            let named = members.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
            let own = usize::from(members.get("pattern").is_some_and(Value::is_string));
            named + own + members.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// The models that a schema's references name; false where one names none.
fn references(schema: &Value, found: &mut Vec<String>) -> bool {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let Some(name) = reference::model(target) else { return false };
                found.push(name.to_owned());
            }
            members.values().all(|member| references(member, found))
        }
        Value::Array(items) => items.iter().all(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A schema without what is about documents only, and with what it requires sorted, as AWS keeps it.
fn plain(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    if let Some(target) = members.get("$ref") {
        return Value::Object(Map::from_iter([(String::from("$ref"), target.clone())]));
    }
    let mut kept = Map::new();
    for (name, value) in members {
        let value = match name.as_str() {
            name if name.starts_with("x-") || DROPPED.contains(&name) => continue,
            "properties" | "patternProperties" | "definitions" => match value {
                Value::Object(all) => {
                    Value::Object(all.iter().map(|(name, one)| (name.clone(), plain(one))).collect())
                }
                other => other.clone(),
            },
            "items" | "allOf" | "anyOf" | "oneOf" if value.is_array() => {
                value.as_array().into_iter().flatten().map(plain).collect()
            }
            "items" | "additionalItems" | "additionalProperties" | "not" => plain(value),
            "required" => {
                let mut names = super::super::strings(Some(value));
                // Swagger's parameters say that they are required with a flag; models do not.
                if names.is_empty() {
                    continue;
                }
                names.sort();
                names.into()
            }
            _ => value.clone(),
        };
        kept.insert(name.clone(), value);
    }
    Value::Object(kept)
}
