//! One operation of a path: a method with its integration.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Reader;
use crate::{
    openapi::{filled, text},
    operations::plain_method,
    rest_api::record::{Method, RequestValidator},
};

pub(super) const VALIDATOR: &str = "x-amazon-apigateway-request-validator";

/// An operation, and where it stands.
pub(super) struct Given<'d, 'p> {
    /// The path's item: some of it holds for all of its operations.
    pub item: &'d Map<String, Value>,
    pub operation: &'d Map<String, Value>,
    /// With the base path.
    pub path: &'p str,
    pub verb: &'p str,
}

impl Given<'_, '_> {
    pub fn place(&self) -> String {
        format!("'{}' on resource at path '{}'", self.verb, self.path)
    }
}

impl<'d> Reader<'d> {
    pub(super) fn read_operation(
        &mut self,
        given: &Given<'d, '_>,
        validators: &[RequestValidator],
        of_document: Option<&str>,
    ) -> Method {
        let mut method = plain_method(given.verb);
        method.operation_name = filled(given.operation, "operationId");
        self.secure(given.operation, &mut method, &given.place());
        self.read_parameters(given, &mut method);
        self.read_responses(given, &mut method);
        if let Some(name) = text(given.operation, VALIDATOR).as_deref().or(of_document) {
            if validators.iter().any(|validator| validator.name.as_deref() == Some(name)) {
                method.request_validator_id = Some(name.to_owned());
            } else {
                let reason = format!("Invalid Request Validator identifier specified: {name}");
                self.notes.fail(format!("Unable to put method {}: {reason}", given.place()));
            }
        }
        method.method_integration = self.read_integration(given, &method);
        method
    }

    /// A map of texts. What is none is left out with a warning.
    pub(super) fn read_texts(
        &mut self,
        members: &Map<String, Value>,
        name: &str,
        place: &str,
    ) -> Option<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        match members.get(name)? {
            Value::Null => return None,
            Value::Object(found) => {
                for (property, value) in found {
                    match value {
                        Value::String(text) => drop(texts.insert(property.clone(), text.clone())),
                        other => self.notes.warn(format!(
                            "Invalid format for '{name}'. Expected type string for property '{property}' {place} but \
                             got '{}'",
                            brief(other)
                        )),
                    }
                }
            }
            other => {
                let text = format!(
                    "Invalid format for '{name}'. Expected type object {place} but got '{}'",
                    brief(other)
                );
                self.notes.warn(text);
                return None;
            }
        }
        Some(texts).filter(|texts| !texts.is_empty())
    }
}

/// A value in a message.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 200;
    if super::super::weigh(value, LONGEST) < LONGEST { value.to_string() } else { String::from("...") }
}
