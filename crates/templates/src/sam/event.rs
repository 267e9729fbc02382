//! Events of the types `Api` and `HttpApi`: one operation of an API each.

use serde_json::{Map, Value};

use super::{
    ApiKind,
    intrinsic::{map_entries, plain_map},
};
use crate::Refusals;

/// The method of a document that stands for all.
pub(super) const ANY: &str = "x-amazon-apigateway-any-method";
/// The path of what no other route takes.
pub(super) const DEFAULT: &str = "$default";

/// What a function's `Api` events may say beside what they are of.
pub(super) const OF_FUNCTION: &[&str] =
    &["Auth", "RequestModel", "RequestParameters", "ResponseTransferMode", "Stage", "TimeoutInMillis"];
/// What a state machine's may.
pub(super) const OF_STATE_MACHINE: &[&str] = &["Auth", "Stage", "UnescapeMappingTemplate"];
const OF_HTTP: &[&str] = &["Auth", "PayloadFormatVersion", "RouteSettings", "Stage", "TimeoutInMillis"];

/// An event of an API.
pub(super) struct Event {
    pub(super) kind: ApiKind,
    pub(super) path: String,
    /// As documents have it, in small letters.
    pub(super) method: String,
    /// The API's `Ref` or name, where the event names one.
    pub(super) api: Option<Value>,
    pub(super) properties: Map<String, Value>,
}

impl Event {
    /// What it asks of whoever calls it; what is no map is refused.
    pub(super) fn auth(&self, place: &str, refusals: &mut Refusals) -> Option<&Map<String, Value>> {
        let auth = self.get("Auth")?;
        let map = plain_map(auth);
        if map.is_none() {
            refusals.add(place, "Auth is a map");
        }
        map
    }

    /// Reads an event; another type or property is refused by name.
    pub(super) fn read(event: &Value, more: &[&str], place: &str, refusals: &mut Refusals) -> Option<Self> {
        let name = event.get("Type").and_then(Value::as_str).unwrap_or_default();
        let (kind, of_all, more) = match name {
            "Api" => (ApiKind::Rest, ["Method", "Path", "RestApiId"], more),
            "HttpApi" => (ApiKind::Http, ["ApiId", "Method", "Path"], OF_HTTP),
            other => {
                refusals.add(place, format!("Tule does not connect events of type {other} yet"));
                return None;
            }
        };
        let place = format!("{place}.Properties");
        let properties: Map<String, Value> =
            map_entries(event.get("Properties"), &place, refusals).map(super::cloned).collect();
        for name in properties.keys().map(String::as_str) {
            if !of_all.contains(&name) && !more.contains(&name) {
                let text = format!("Tule does not apply this property of {} events yet", kind.event());
                refusals.add(format!("{place}.{name}"), text);
            }
        }
        let text = |name: &str| properties.get(name).and_then(Value::as_str);
        let (path, method) = match (text("Path"), text("Method")) {
            (None, None) if kind == ApiKind::Http => (DEFAULT, ANY),
            (Some(path), Some(method)) => (path, method),
            _ => {
                refusals.add(place, "an event has a Path and a Method");
                return None;
            }
        };
        let method = method.to_lowercase();
        let method = if method == "any" { ANY.to_owned() } else { method };
        let api = properties.get(kind.id_property()).cloned();
        Some(Self { kind, path: path.to_owned(), method, api, properties })
    }

    /// The logical id of the API that the event names.
    pub(super) fn named_api(&self) -> Option<&str> {
        let api = self.api.as_ref()?;
        Some(api.as_str().or_else(|| api.get("Ref")?.as_str()).unwrap_or_default())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.properties.get(name).filter(|value| super::intrinsic::is_said(value))
    }

    /// What the event says beside what it is of, none of which has an effect but for `heeded`.
    pub(super) fn unheeded(&self, heeded: &[&str], why: &str, place: &str, notices: &mut Refusals) {
        let of_all = ["Method", "Path", self.kind.id_property()];
        // An API has its own stage; AWS takes the property, and never looks at it.
        notice_unless(self.get("Stage").is_none(), "Stage", "the stage is the API's", place, notices);
        for name in self.properties.keys().map(String::as_str).filter(|name| *name != "Stage") {
            let has_effect = of_all.contains(&name) || heeded.contains(&name) || self.get(name).is_none();
            notice_unless(has_effect, name, why, place, notices);
        }
    }

    pub(super) fn is_default(&self) -> bool {
        self.path == DEFAULT
    }

    /// The method and path in an ARN: path parameters match anything, and a slash at the end is none.
    pub(super) fn in_arn(&self) -> String {
        let verb = if self.method == ANY { "*".to_owned() } else { self.method.to_uppercase() };
        let path = if self.is_default() { String::new() } else { path_pattern(&self.path) };
        format!("{verb}{path}")
    }
}

fn notice_unless(has_effect: bool, name: &str, why: &str, place: &str, notices: &mut Refusals) {
    if !has_effect {
        let text = format!("this has no effect, here as on AWS: {why}");
        notices.add(format!("{place}.Properties.{name}"), text);
    }
}

/// A path whose parameters match anything, without a slash at its end.
pub(super) fn path_pattern(path: &str) -> String {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        rest = match after.split_once('}') {
            Some((_, behind)) => {
                out.push('*');
                behind
            }
            None => {
                out.push('{');
                after
            }
        };
    }
    out.push_str(rest);
    out
}
