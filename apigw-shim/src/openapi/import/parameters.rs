//! Parameters and bodies of operations into what methods declare of their requests.

use serde_json::{Map, Value};

use super::{Reader, Version, operation::Given};
use crate::{
    openapi::{flag, object, strings, text},
    operations::parameter_mapping,
    rest_api::record::{Flags, Method, Texts},
};

const JSON: &str = "application/json";

impl<'d> Reader<'d> {
    pub(super) fn read_parameters(&mut self, given: &Given<'d, '_>, method: &mut Method) {
        let mut flags = Flags::new();
        // The variables of the path are parameters, declared or not.
        for part in given.path.split('/') {
            if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                let name = name.strip_suffix('+').unwrap_or(name);
                flags.insert(format!("method.request.path.{name}"), true);
            }
        }
        let mut models = Texts::new();
        for members in [given.item, given.operation] {
            let all = members.get("parameters").and_then(Value::as_array);
            for parameter in all.into_iter().flatten() {
                self.read_parameter(given, parameter, &mut flags, &mut models);
            }
        }
        if let (Version::OpenApi3, Some(body)) = (self.version, given.operation.get("requestBody")) {
            let body = self.follow(body);
            let content = body.and_then(|body| object(body, "content"));
            for (content_type, media) in content.into_iter().flatten() {
                if let Some(name) = media.get("schema").and_then(|schema| self.model_of(schema)) {
                    models.insert(content_type.clone(), name);
                }
            }
        }
        if let Err(reason) = parameter_mapping::check_method(flags.keys()) {
            self.notes.fail(format!("Unable to put method {}: {reason}", given.place()));
        }
        method.request_parameters = Some(flags).filter(|flags| !flags.is_empty());
        method.request_models = Some(models).filter(|models| !models.is_empty());
    }

    fn read_parameter(
        &mut self,
        given: &Given<'d, '_>,
        parameter: &'d Value,
        flags: &mut Flags,
        models: &mut Texts,
    ) {
        let Some(parameter) = self.follow(parameter) else {
            let text = format!("A parameter of {} cannot be found. Ignoring.", given.place());
            self.notes.warn(text);
            return;
        };
        let name = text(parameter, "name").unwrap_or_default();
        let location = match text(parameter, "in").unwrap_or_default().as_str() {
            "query" => "querystring",
            "header" => "header",
            "path" => "path",
            "body" => {
                let schema = parameter.get("schema");
                if let Some(model) = schema.and_then(|schema| self.model_of(schema)) {
                    for content_type in self.media_types(given.operation, "consumes") {
                        models.insert(content_type, model.clone());
                    }
                }
                return;
            }
            other => {
                let text = format!(
                    "Parameter '{name}' of {} is in '{other}', which is not supported. Ignoring.",
                    given.place()
                );
                self.notes.warn(text);
                return;
            }
        };
        if name.is_empty() {
            let text = format!("A parameter of {} has no name. Ignoring.", given.place());
            self.notes.warn(text);
            return;
        }
        let required = flag(parameter, "required") || location == "path";
        flags.insert(format!("method.request.{location}.{name}"), required);
    }

    /// `consumes` or `produces`, of the operation or else of the document.
    pub(super) fn media_types(&mut self, operation: &Map<String, Value>, name: &str) -> Vec<String> {
        let own = match operation.get(name) {
            Some(own) => Some(own),
            None => self.document.get(name).filter(|all| self.charge(all).is_some()),
        };
        let own = strings(own);
        if own.is_empty() { vec![JSON.to_owned()] } else { own }
    }
}
