//! Logical ids that end in a hash, as the real transform makes them: templates refer to some, and a resource whose id
//! changes is made anew.

use serde_json::{Map, Value};
use sha1::{Digest as _, Sha1};

/// The prefix and ten digits of a hash of the data; the prefix alone where there is no data.
pub(super) fn hashed(prefix: &str, data: &Value) -> String {
    if !super::intrinsic::is_said(data) {
        return prefix.to_owned();
    }
    format!("{prefix}{}", &digest(data)[..10])
}

/// Forty digits: of a text as it is, of other data as JSON with its keys in order.
pub(super) fn digest(data: &Value) -> String {
    let text = data.as_str().map_or_else(|| sorted(data).to_string(), str::to_owned);
    Sha1::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            let pairs = pairs.into_iter().map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

/// A prefix and a name, which is hashed unless it has only letters and digits.
pub(super) fn named(prefix: &str, name: &str, suffix: &str) -> String {
    match name.chars().all(|it| it.is_ascii_alphanumeric()) {
        true => format!("{prefix}{name}{suffix}"),
        false => hashed(&format!("{prefix}{suffix}"), &Value::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The first is told by the real transform's own documents, with the hash worked out by hand.
    #[test]
    fn hashes_are_those_of_the_real_transform() {
        let code = json!({"S3Key": "4ec77771bbc9657570fe867d19c243f9", "S3Bucket": "sam-artifacts", "MemorySize": 512});
        assert_eq!(hashed("FVersion", &code), "FVersiona5695746f8");
        assert_eq!(hashed("F", &json!({})), "F");
        assert_eq!(named("Api", "Prod", "Stage"), "ApiProdStage");
        assert_eq!(named("Api", "", "Stage"), "ApiStage");
        assert_eq!(named("Api", "a-b", "Stage").len(), "ApiStage".len() + 10);
    }
}
