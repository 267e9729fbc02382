//! `AWS::Lambda::LayerVersion`.

use serde_json::{Value, json};

use super::{Call, Code, Named};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["CompatibleArchitectures", "CompatibleRuntimes", "Content", "Description", "LayerName", "LicenseInfo"];
const SAME: &[&str] = &["CompatibleArchitectures", "CompatibleRuntimes", "Description", "LicenseInfo"];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let mut publish = resource.members(SAME);
    let name = resource.name("LayerName");
    publish.insert("LayerName".to_owned(), Value::from(name));
    let (code, content) = match resource.get("Content") {
        Some(Value::String(path)) => (Some(Code::Archive { path: path.clone() }), json!({})),
        Some(content @ Value::Object(_)) => (None, content.clone()),
        _ => {
            let place = format!("Resources.{}.Properties.Content", resource.id);
            return Err(Refusals::one(place, "a layer's content is a local path or an object in S3"));
        }
    };
    publish.insert("Content".to_owned(), content);
    let mut publish = Call::new("lambda", "PublishLayerVersion", Value::Object(publish));
    publish.code = code;
    Ok(vec![publish.saving(&[("reference", "/LayerVersionArn")])])
}
