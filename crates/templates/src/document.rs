//! YAML or JSON into one form: JSON values with intrinsic functions in their long form.

use std::collections::HashMap;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};

/// A text that is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

/// CloudFormation's limit of a template's text is 1 MB; values that aliases multiply are bounded too.
const LONGEST: usize = 1 << 20;
const MOST_NODES: usize = 200_000;
const DEEPEST: usize = 100;

pub(crate) fn parse(text: &str) -> Result<Value, Malformed> {
    if text.len() > LONGEST {
        return Err(Malformed(format!("the text is longer than {LONGEST} bytes")));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text)
            .map_err(|error| Malformed(format!("the JSON is malformed: {error}")));
    }
    check_depth(text)?;
    let documents =
        Yaml::load_from_str(text).map_err(|error| Malformed(format!("the YAML is malformed: {error}")))?;
    let mut nodes = 0;
    match documents.as_slice() {
        [document] => convert(document, 0, &mut nodes),
        [] => Err(Malformed("the text is empty".to_owned())),
        _ => Err(Malformed("the text holds more than one document".to_owned())),
    }
}

/// Refuses what is nested too deep before a tree is made of it: making and dropping one takes a stack as deep.
fn check_depth(text: &str) -> Result<(), Malformed> {
    // The collections that are open, each with its anchor and the height of what is in it so far.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut heights: HashMap<usize, usize> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| Malformed(format!("the YAML is malformed: {error}")))?;
        let height = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 0));
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, height) = open.pop().unwrap_or_default();
                heights.insert(anchor, height + 1);
                height + 1
            }
            Event::Alias(anchor) => heights.get(&anchor).copied().unwrap_or_default(),
            _ => continue,
        };
        if open.len() + height > DEEPEST {
            return Err(Malformed("the text is nested too deep or grows too large".to_owned()));
        }
        if let Some((_, highest)) = open.last_mut() {
            *highest = height.max(*highest);
        }
    }
    Ok(())
}

fn convert(node: &Yaml<'_>, depth: usize, nodes: &mut usize) -> Result<Value, Malformed> {
    *nodes += 1;
    if depth > DEEPEST || *nodes > MOST_NODES {
        return Err(Malformed("the text is nested too deep or grows too large".to_owned()));
    }
    match node {
        Yaml::Value(scalar) => Ok(convert_scalar(scalar)),
        Yaml::Representation(text, ..) => Ok(Value::String(text.to_string())),
        Yaml::Sequence(items) => items
            .iter()
            .map(|item| convert(item, depth + 1, nodes))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = match convert(key, depth + 1, nodes)? {
                    Value::String(key) => key,
                    Value::Number(key) => key.to_string(),
                    Value::Bool(key) => key.to_string(),
                    _ => return Err(Malformed("a key is neither text nor a number".to_owned())),
                };
                map.insert(key, convert(value, depth + 1, nodes)?);
            }
            Ok(Value::Object(map))
        }
        Yaml::Tagged(tag, inner) => {
            let inner = convert(inner, depth + 1, nodes)?;
            if tag.handle == "!" { intrinsic(&tag.suffix, inner) } else { Ok(inner) }
        }
        Yaml::Alias(_) | Yaml::BadValue => {
            Err(Malformed("the YAML has a value that cannot be read".to_owned()))
        }
    }
}

fn convert_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => Value::Bool(*flag),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Number::from_f64(number.0).map_or(Value::Null, Value::Number),
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

/// `!GetAtt a.b` is `{"Fn::GetAtt": ["a", "b"]}`; `!Ref` and `!Condition` have no prefix.
fn intrinsic(name: &str, inner: Value) -> Result<Value, Malformed> {
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
        (name, _) => return Err(Malformed(format!("there is no intrinsic function !{name}"))),
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
