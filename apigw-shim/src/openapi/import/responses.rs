//! Responses of operations into what methods declare that they answer.

use serde_json::{Map, Value};

use super::{Reader, Version, operation::Given};
use crate::{
    openapi::object,
    rest_api::record::{Flags, Method, MethodResponse, Texts},
};

impl<'d> Reader<'d> {
    pub(super) fn read_responses(&mut self, given: &Given<'d, '_>, method: &mut Method) {
        for (status, response) in object(given.operation, "responses").into_iter().flatten() {
            // What answers all other statuses is for readers: methods declare statuses one by one.
            if status == "default" || status.starts_with("x-") {
                continue;
            }
            if !is_status(status) {
                let text = format!("Invalid response status code specified for {}: {status}", given.place());
                self.notes.fail(text);
                continue;
            }
            let Some(response) = self.follow(response) else {
                let text = format!("Response '{status}' of {} cannot be found. Ignoring.", given.place());
                self.notes.warn(text);
                continue;
            };
            let models = self.models_of(given, response);
            let headers = object(response, "headers").into_iter().flatten();
            let headers: Flags =
                headers.map(|(name, _)| (format!("method.response.header.{name}"), false)).collect();
            let made = MethodResponse {
                status_code: status.clone(),
                response_parameters: Some(headers).filter(|headers| !headers.is_empty()),
                response_models: Some(models).filter(|models| !models.is_empty()),
            };
            method.method_responses.insert(status.clone(), made);
        }
    }

    fn models_of(&mut self, given: &Given<'d, '_>, response: &'d Map<String, Value>) -> Texts {
        let mut models = Texts::new();
        match self.version {
            Version::Swagger2 => {
                if let Some(model) = response.get("schema").and_then(|schema| self.model_of(schema)) {
                    for content_type in self.media_types(given.operation, "produces") {
                        models.insert(content_type, model.clone());
                    }
                }
            }
            Version::OpenApi3 => {
                for (content_type, media) in object(response, "content").into_iter().flatten() {
                    if let Some(model) = media.get("schema").and_then(|schema| self.model_of(schema)) {
                        models.insert(content_type.clone(), model);
                    }
                }
            }
        }
        models
    }
}

/// Three digits, of which the first is no nought.
pub(crate) fn is_status(text: &str) -> bool {
    text.len() == 3
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (b'1'..=b'5').contains(&text.as_bytes()[0])
}
