//! YAML or JSON into one form: JSON values with intrinsic functions in their long form.

use serde_json::Value;

/// A text that is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

/// CloudFormation's limit of a template's text is 1 MB; values that aliases multiply are bounded too.
const LONGEST: usize = 1 << 20;
const YAML: yaml::Reader = yaml::Reader { most_nodes: 200_000, deepest: 100, merges: false, tag: intrinsic };

pub(crate) fn parse(text: &str) -> Result<Value, Malformed> {
    if text.len() > LONGEST {
        return Err(Malformed(format!("the text is longer than {LONGEST} bytes")));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| Malformed(format!("the JSON is malformed: {error}")));
    }
    YAML.read(text).map_err(|malformed| Malformed(malformed.to_string()))
}

/// `!GetAtt a.b` is `{"Fn::GetAtt": ["a", "b"]}`; `!Ref` and `!Condition` have no prefix.
fn intrinsic(name: &str, inner: Value) -> Result<Value, String> {
    const KNOWN: &[&str] = &[
        "And",
        "Base64",
        "Cidr",
        "Equals",
        "FindInMap",
        "GetAZs",
        "If",
        "ImportValue",
        "Join",
        "Length",
        "Not",
        "Or",
        "Select",
        "Split",
        "Sub",
        "ToJsonString",
        "Transform",
    ];
    let (key, value) = match (name, inner) {
        ("Ref" | "Condition", inner) => (name.to_owned(), inner),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            ("Fn::GetAtt".to_owned(), Value::from(vec![resource, attribute]))
        }
        ("GetAtt", inner) => ("Fn::GetAtt".to_owned(), inner),
        (name, inner) if KNOWN.contains(&name) => (format!("Fn::{name}"), inner),
        (name, _) => return Err(format!("there is no intrinsic function !{name}")),
    };
    Ok(Value::Object([(key, value)].into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "A: !Ref B\nC: !GetAtt D.E.F\nG: !Sub '${H}-x'\nI: !Join ['-', [!Ref J, k]]\nL: 1\nM: '1'\nN: yes\n";
        let expected = json!({
            "A": {"Ref": "B"}, "C": {"Fn::GetAtt": ["D", "E.F"]}, "G": {"Fn::Sub": "${H}-x"},
            "I": {"Fn::Join": ["-", [{"Ref": "J"}, "k"]]}, "L": 1, "M": "1", "N": "yes"
        });
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("{\"a\": [1]}").unwrap(), json!({"a": [1]}));
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["", "a: [", "{\"a\":", "a: !Nope b", "---\na: 1\n---\nb: 2\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let deep = "[".repeat(5_000);
        assert!(parse(&format!("a: {deep}")).is_err());
        let laughs = (1..20).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
            let before = at - 1;
            text + &format!("a{at}: &a{at} [*a{before}, *a{before}, *a{before}]\n")
        });
        assert!(parse(&laughs).is_err());
    }
}
