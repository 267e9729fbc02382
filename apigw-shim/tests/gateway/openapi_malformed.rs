//! Documents that say what they should not: refused or imported, never more.

use apigw_shim::examine_openapi;
use serde_json::{Value, json};

use crate::{openapi, openapi_http};

/// The pointers of all values in a document.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                pointers(value, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn any_value_may_be_of_any_type() {
    let wrong = [
        Value::Null,
        json!(-1.5e300),
        json!(""),
        json!("\u{0}${AWS::Region}{{%~1\u{1f980}"),
        json!([]),
        json!([[null], {"$ref": "#/"}]),
        json!({"": {"$ref": "#/paths"}}),
        json!({"$ref": "#/components/schemas/Pet"}),
    ];
    for whole in [openapi::everything(), openapi_http::everything()] {
        let mut all = Vec::new();
        pointers(&whole, "", &mut all);
        let mut refused = 0;
        // Two of them at each place, others at the next, keep it quick.
        for (at, pointer) in all.iter().enumerate() {
            for wrong in wrong.iter().cycle().skip(at * 3).take(2) {
                let mut document = whole.clone();
                *document.pointer_mut(pointer).unwrap() = wrong.clone();
                refused +=
                    examine_openapi(document.to_string().as_bytes()).iter().filter(|it| it.is_err()).count();
            }
        }
        assert!(refused > all.len() / 10, "{refused} of {} were refused", all.len() * 2);
    }
}

#[test]
fn any_part_may_be_missing() {
    for whole in [openapi::everything(), openapi_http::everything()] {
        let text = whole.to_string();
        let yaml = serde_json::to_string_pretty(&whole).unwrap();
        for end in (0..text.len()).step_by(37) {
            if let Some(part) = text.get(..end) {
                assert!(examine_openapi(part.as_bytes()).iter().all(Result::is_err), "{part}");
            }
            let _ = yaml.get(end..).map(|rest| examine_openapi(rest.as_bytes()));
        }
    }
}

#[test]
fn what_is_whole_is_taken() {
    let [rest, _] = examine_openapi(openapi::everything().to_string().as_bytes());
    assert_eq!(rest, Ok(Vec::new()));
    let [_, http] = examine_openapi(openapi_http::everything().to_string().as_bytes());
    assert_eq!(http, Ok(Vec::new()));
}
