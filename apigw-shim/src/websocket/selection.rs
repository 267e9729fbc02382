//! Selection expressions: `$request.body.action` and their like, which choose routes, templates and responses.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What an expression is read from.
pub(super) struct View<'a> {
    /// The message, or the integration's answer.
    pub body: Option<&'a Value>,
    /// The status of the integration's answer.
    pub status: Option<u16>,
    pub context: &'a Map<String, Value>,
    pub variables: &'a BTreeMap<String, String>,
}

/// The value of an expression; `None` if something it names is not there.
pub(super) fn evaluate(expression: &str, view: &View<'_>) -> Option<String> {
    if !expression.contains("${") {
        return match expression.strip_prefix('$') {
            // The one key that looks like an expression.
            Some("default") | None => Some(expression.to_owned()),
            Some(name) => value(name, view),
        };
    }
    let mut out = String::new();
    let mut rest = expression;
    while let Some((before, behind)) = rest.split_once("${") {
        out.push_str(before);
        let (name, behind) = behind.split_once('}')?;
        out.push_str(&value(name, view)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

fn value(name: &str, view: &View<'_>) -> Option<String> {
    if let Some(path) =
        name.strip_prefix("request.body.").or_else(|| name.strip_prefix("integration.response.body."))
    {
        return at(view.body?, path);
    }
    match name {
        "integration.response.statuscode" => return view.status.map(|status| status.to_string()),
        "request.body" => return view.body.map(text),
        _ => {}
    }
    if let Some(name) = name.strip_prefix("stageVariables.") {
        return view.variables.get(name).cloned();
    }
    let (first, rest) = {
        let path = name.strip_prefix("context.")?;
        path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
    };
    let found = view.context.get(first)?;
    match rest {
        Some(rest) => at(found, rest),
        None => Some(text(found)),
    }
}

fn at(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |value, name| match value {
        Value::Array(values) => values.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })?;
    (!found.is_null()).then(|| text(found))
}

fn text(value: &Value) -> String {
    crate::mapping::text(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expressions_find_their_values() {
        let body = json!({"action": "join", "a": {"b": [1, {"c": true}]}, "none": null});
        let context = json!({"routeKey": "join", "identity": {"sourceIp": "1.2.3.4"}});
        let variables = BTreeMap::from([(String::from("v"), String::from("blue"))]);
        let view = View {
            body: Some(&body),
            status: Some(201),
            context: context.as_object().unwrap(),
            variables: &variables,
        };
        for (expression, expected) in [
            ("$request.body.action", Some("join")),
            ("${request.body.action}", Some("join")),
            ("$request.body.a.b.1.c", Some("true")),
            ("${request.body.action}/${request.body.a.b.0}", Some("join/1")),
            ("$request.body.nowhere", None),
            ("$request.body.none", None),
            ("$context.identity.sourceIp", Some("1.2.3.4")),
            ("$context.routeKey", Some("join")),
            ("$stageVariables.v", Some("blue")),
            ("${integration.response.statuscode}", Some("201")),
            ("$default", Some("$default")),
            ("plain", Some("plain")),
            ("${broken", None),
        ] {
            assert_eq!(evaluate(expression, &view).as_deref(), expected, "{expression}");
        }
    }
}
