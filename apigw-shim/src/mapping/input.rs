//! `$input`: the body, and what came with it.

use std::cell::OnceCell;

use jsonpath::JsonPath;
use serde_json::Value as Json;
use vtl::{Heap, Host, Key, RenderError, Value};

use super::Shared;

#[derive(Debug)]
pub(super) struct Input {
    body: Shared,
    json: OnceCell<Option<Json>>,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

impl Input {
    pub fn new(
        body: &str,
        path: &[(String, String)],
        query: &[(String, String)],
        headers: Vec<(String, String)>,
    ) -> Self {
        // An empty body is an empty object to templates.
        let body = if body.is_empty() { "{}" } else { body };
        Self { body: body.into(), json: OnceCell::new(), path: path.to_vec(), query: query.to_vec(), headers }
    }

    /// What a path finds in the body; `None` if that is nothing, or the body is no JSON.
    fn find(&self, method: &str, path: &str) -> Result<Option<Json>, RenderError> {
        let path = JsonPath::parse(path).map_err(|error| RenderError::method(method, error.to_string()))?;
        let Some(document) = self.json.get_or_init(|| serde_json::from_str(&self.body).ok()) else {
            return Ok(None);
        };
        Ok(path.evaluate(document).ok().map(std::borrow::Cow::into_owned))
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        let exact = |pairs: &[(String, String)]| {
            pairs.iter().rev().find(|(own, _)| own == name).map(|(_, value)| Value::from(value.as_str()))
        };
        let header = || self.headers.iter().rev().find(|(own, _)| own.eq_ignore_ascii_case(name));
        exact(&self.path)
            .or_else(|| exact(&self.query))
            .or_else(|| header().map(|(_, value)| Value::from(value.as_str())))
    }

    fn parameters(&self, heap: &mut Heap) -> Result<Value, RenderError> {
        let mut map = |pairs: &[(String, String)]| {
            heap.map(
                pairs.iter().map(|(name, value)| (Key::from(name.as_str()), Value::from(value.as_str()))),
            )
        };
        let entries = [
            (Key::from("path"), map(&self.path)?),
            (Key::from("querystring"), map(&self.query)?),
            (Key::from("header"), map(&self.headers)?),
        ];
        heap.map(entries)
    }
}

impl Host for Input {
    fn property(&self, _: &mut Heap, name: &str) -> Result<Option<Value>, RenderError> {
        Ok((name == "body").then(|| Value::Text(Shared::clone(&self.body))))
    }

    fn call(&self, heap: &mut Heap, method: &str, arguments: &[Value]) -> Result<Option<Value>, RenderError> {
        match (method, arguments) {
            ("path", [path]) => {
                let path = heap.text(path);
                let found = self.find("$input.path", &path)?;
                found.map(|found| heap.json(&found)).transpose()
            }
            ("json", [path]) => {
                let path = heap.text(path);
                let found = self.find("$input.json", &path)?;
                // Nothing found is an empty text, and as JSON that has quotes.
                Ok(Some(Value::from(found.map_or_else(|| String::from("\"\""), |found| found.to_string()))))
            }
            ("params", []) => self.parameters(heap).map(Some),
            ("params", [name]) => {
                let name = heap.text(name);
                Ok(self.parameter(&name))
            }
            _ => Ok(None),
        }
    }

    fn text(&self) -> String {
        String::new()
    }
}
