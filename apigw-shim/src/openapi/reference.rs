//! `$ref`: what it leads to in a document, and the models that it names.

use serde_json::{Map, Value};

/// References that lead to references are followed so far; circles end here.
const MOST_STEPS: usize = 16;

/// A value, or what its `$ref` leads to in the document; `None` where that leads nowhere.
pub(super) fn resolve<'d>(document: &'d Map<String, Value>, value: &'d Value) -> Option<&'d Value> {
    let mut value = value;
    for _ in 0..MOST_STEPS {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Some(value) };
        value = pointed(document, reference)?;
    }
    None
}

fn pointed<'d>(document: &'d Map<String, Value>, reference: &str) -> Option<&'d Value> {
    let mut segments = reference.strip_prefix("#/")?.split('/');
    let decode = |segment: &str| proxy_events::decode(segment).replace("~1", "/").replace("~0", "~");
    let first = document.get(&decode(segments.next()?))?;
    segments.try_fold(first, |value, segment| match value {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => value.get(decode(segment)),
    })
}

/// The model that a reference names: in the document, or in the form that models have themselves.
pub(super) fn model(reference: &str) -> Option<&str> {
    let name = ["#/definitions/", "#/components/schemas/"].iter().find_map(|at| reference.strip_prefix(at));
    let name = name.or_else(|| {
        let rest = reference.strip_prefix("https://apigateway.amazonaws.com/restapis/")?;
        rest.split_once("/models/").map(|(_, name)| name)
    });
    name.filter(|name| !name.is_empty() && !name.contains(['/', '#']))
}

/// The reference by which models name one another.
pub(super) fn canonical(api: &str, model: &str) -> String {
    format!("https://apigateway.amazonaws.com/restapis/{api}/models/{model}")
}

/// A schema with each of its references changed. `None` from `change` leaves one as it is.
pub(super) fn rewrite(schema: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(changed) = change(reference)
            {
                *reference = changed;
            }
            members.values_mut().for_each(|member| rewrite(member, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_followed_and_circles_end() {
        let document = json!({
            "a": {"$ref": "#/b~1c/d%20e/0"}, "b/c": {"d e": [{"x": 1}]},
            "circle": {"$ref": "#/round"}, "round": {"$ref": "#/circle"}, "far": {"$ref": "other.yaml#/x"},
        });
        let document = document.as_object().unwrap();
        assert_eq!(resolve(document, &document["a"]), Some(&json!({"x": 1})));
        assert_eq!(resolve(document, &document["circle"]), None);
        assert_eq!(resolve(document, &document["far"]), None);
    }

    #[test]
    fn models_are_named_in_three_ways() {
        assert_eq!(model("#/definitions/Pet"), Some("Pet"));
        assert_eq!(model("#/components/schemas/Pet"), Some("Pet"));
        assert_eq!(model(&canonical("abc", "Pet")), Some("Pet"));
        assert_eq!(model("#/components/schemas/Pet/properties/name"), None);
        assert_eq!(model("other.yaml#/Pet"), None);
    }
}
