//! Walking through an OpenAPI document as it stands in a template, where a path or a method may be one of two by a
//! condition.

use serde_json::{Map, Value, json};

use super::{
    event::ANY,
    intrinsic::{put, slot},
};

/// Fields of a path that are no methods.
const NO_METHODS: &[&str] = &["description", "parameters", "summary"];
/// Where a document says that clients do not reach an API under AWS's own name.
pub(super) const DISABLED: [&str; 2] =
    ["x-amazon-apigateway-endpoint-configuration", "disableExecuteApiEndpoint"];
pub(super) const INTEGRATION: &str = "x-amazon-apigateway-integration";

/// Every value that a value may be: both of a condition's, or itself.
pub(super) fn contents(value: &mut Value) -> Vec<&mut Value> {
    let is_choice = value.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("Fn::If"));
    if !is_choice {
        return vec![value];
    }
    let parts = value.get_mut("Fn::If").and_then(Value::as_array_mut).into_iter().flatten().skip(1);
    parts.flat_map(contents).collect()
}

/// The paths, each with what it may be.
pub(super) fn paths(document: &mut Value) -> impl Iterator<Item = (&String, &mut Map<String, Value>)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten();
    paths.flat_map(|(path, item)| {
        contents(item).into_iter().filter_map(Value::as_object_mut).map(move |item| (path, item))
    })
}

/// Every method of every path that has an integration.
pub(super) fn each_method(document: &mut Value, mut change: impl FnMut(&str, &mut Map<String, Value>)) {
    for (_, item) in paths(document) {
        for (name, method) in item.iter_mut().filter(|(name, _)| !NO_METHODS.contains(&name.as_str())) {
            let name = name.to_lowercase();
            let name = if name == "any" { ANY } else { &name };
            for method in contents(method).into_iter().filter_map(Value::as_object_mut) {
                if method.get(INTEGRATION).is_some_and(super::intrinsic::is_said) {
                    change(name, method);
                }
            }
        }
    }
}

/// One method of one path, in all that it may be.
pub(super) fn at_method(
    document: &mut Value,
    path: &str,
    method: &str,
    mut change: impl FnMut(&mut Map<String, Value>),
) {
    let Some(item) = document.get_mut("paths").and_then(|paths| paths.get_mut(path)) else { return };
    for item in contents(item).into_iter().filter_map(Value::as_object_mut) {
        let names = item.iter_mut().filter(|(name, _)| {
            name.eq_ignore_ascii_case(method) || (method == ANY && name.eq_ignore_ascii_case("any"))
        });
        for (_, found) in names {
            contents(found).into_iter().filter_map(Value::as_object_mut).for_each(&mut change);
        }
    }
}

/// Whether a method of a path has an integration.
pub(super) fn has_integration(document: &mut Value, path: &str, method: &str) -> bool {
    let mut found = false;
    at_method(document, path, method, |method| {
        found |= method.get(INTEGRATION).is_some_and(super::intrinsic::is_said);
    });
    found
}

/// Says of all servers whether clients reach them under AWS's own name.
pub(super) fn disable_servers(document: &mut Value, is_disabled: &Value) {
    let servers = slot(document, &["servers"]);
    if servers.as_array().is_none_or(Vec::is_empty) {
        *servers = json!([{}]);
    }
    for server in servers.as_array_mut().into_iter().flatten() {
        put(server, &DISABLED, is_disabled.clone());
    }
}

/// Keeps the place of an event's path in a document.
pub(super) fn reserve(document: &mut Value, path: &str) {
    let item = slot(document, &["paths", path]);
    if item.is_null() {
        *item = json!({});
    }
}

/// Whether this is version 3 of OpenAPI: `3.0`, `3.0.1`.
pub(super) fn is_version_3(version: &Value) -> bool {
    let text = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
    let mut parts = text.split('.');
    parts.next() == Some("3")
        && (1..=2).contains(&parts.clone().count())
        && parts.all(|part| part.len() == 1 && part.bytes().all(|it| it.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_seen_through() {
        let integrated = json!({INTEGRATION: {"type": "mock"}});
        let mut document = json!({"paths": {
            "/a": {"get": integrated, "parameters": [], "put": {}},
            "/b": {"Fn::If": ["C", {"Any": {"Fn::If": ["D", integrated, {"Ref": "AWS::NoValue"}]}}, {"Ref": "AWS::NoValue"}]},
        }});
        let mut seen = Vec::new();
        each_method(&mut document, |name, _| seen.push(name.to_owned()));
        assert_eq!(seen, ["get", ANY]);
        assert!(has_integration(&mut document, "/b", ANY) && !has_integration(&mut document, "/a", "put"));
    }

    #[test]
    fn versions() {
        for (version, is) in
            [("3.0", true), ("3.0.1", true), ("3", false), ("2.0", false), ("3.0.1.1", false)]
        {
            assert_eq!(is_version_3(&Value::from(version)), is, "{version}");
        }
        assert!(is_version_3(&json!(3.0)));
    }
}
