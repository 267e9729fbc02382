//! Schemas as models have them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::compile;

fn found(schema: Value, value: &Value) -> Vec<String> {
    let models = BTreeMap::from([(String::from("Model"), schema)]);
    compile("Model", &models).unwrap().check(value)
}

#[test]
fn what_does_not_fit_is_told_in_the_words_of_aws() {
    let schema = json!({
        "type": "object",
        "required": ["id", "name"],
        "properties": {"id": {"type": "number", "minimum": 1}, "name": {"type": "string", "minLength": 3}},
        "additionalProperties": false,
    });
    assert_eq!(found(schema.clone(), &json!({"id": 1, "name": "abc"})), Vec::<String>::new());
    assert_eq!(
        found(schema.clone(), &json!({"x": 1})),
        [
            r#"object has missing required properties (["id","name"])"#,
            r#"object instance has properties which are not allowed by the schema: ["x"]"#
        ]
    );
    assert_eq!(
        found(schema, &json!({"id": "1", "name": "ab"})),
        [
            r#"instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])"#,
            r#"string "ab" is too short (length: 2, required minimum: 3)"#
        ]
    );
}

#[test]
fn references_lead_to_other_models_and_in_circles() {
    let address = |name: &str| format!("https://apigateway.amazonaws.com/restapis/abc/models/{name}");
    let models = BTreeMap::from([
        (String::from("List"), json!({"type": "array", "items": {"$ref": address("Tree")}})),
        (
            String::from("Tree"),
            json!({
                "type": "object",
                "properties": {"children": {"$ref": address("List")}, "size": {"$ref": "#/definitions/size"}},
                "definitions": {"size": {"type": "integer"}},
            }),
        ),
    ]);
    let schema = compile("List", &models).unwrap();
    let tree = json!([{"size": 1, "children": [{"size": 2, "children": []}]}]);
    assert!(schema.check(&tree).is_empty());
    let tree = json!([{"size": 1, "children": [{"size": 2.5}]}]);
    assert_eq!(schema.check(&tree).len(), 1);
    assert!(compile("Missing", &models).is_err());
}

#[test]
fn a_circle_that_leads_nowhere_ends() {
    let crossed = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]});
    assert!(!found(crossed, &json!(1)).is_empty());
}

#[test]
fn combined_schemas_count_what_matched() {
    let one = json!({"oneOf": [{"type": "string"}, {"maxLength": 3}]});
    assert!(found(one.clone(), &json!("long enough")).is_empty());
    assert_eq!(
        found(one, &json!("abc")),
        ["instance failed to match exactly one schema (matched 2 out of 2)"]
    );
    let unique = json!({"uniqueItems": true});
    assert_eq!(found(unique.clone(), &json!([1, 1.0])).len(), 1);
    assert!(found(unique, &json!([1, "1", {"a": 1}, {"a": 2}])).is_empty());
}
