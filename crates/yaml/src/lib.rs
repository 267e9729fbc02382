//! YAML that anybody may have written, into JSON values: its depth and what aliases make of it are bounded before a tree
//! is made. Knows nothing of what documents mean.
//!
//! Start at [`Reader::read`].

use std::collections::HashMap;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is no YAML.
    #[error("the YAML is malformed: {0}")]
    Syntax(String),
    /// Depth or nodes exceed the reader's limits.
    #[error("the text is nested too deep or grows too large")]
    TooLarge,
    /// There is nothing in it.
    #[error("the text is empty")]
    Empty,
    /// Only one document may be in a text.
    #[error("the text holds more than one document")]
    Many,
    /// JSON has no such key.
    #[error("a key is neither text nor a number")]
    Key,
    /// JSON has no such value.
    #[error("the YAML has a value that cannot be read")]
    Value,
    /// What the reader says of a tag.
    #[error("{0}")]
    Tag(String),
}

/// How texts are read.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    /// The most values there may be, those that aliases repeat among them.
    pub most_nodes: usize,
    /// How deep they may lie.
    pub deepest: usize,
    /// Whether `<<` merges maps.
    pub merges: bool,
    /// What becomes of a value with a tag of one `!`: its name, and the value.
    pub tag: fn(&str, Value) -> Result<Value, String>,
}

impl Reader {
    /// Reads the one document of a text.
    pub fn read(&self, text: &str) -> Result<Value, Malformed> {
        self.check(text)?;
        let documents = Yaml::load_from_str(text).map_err(|error| Malformed::Syntax(error.to_string()))?;
        match documents.as_slice() {
            [document] => self.convert(document, 0, &mut 0),
            [] => Err(Malformed::Empty),
            _ => Err(Malformed::Many),
        }
    }

    /// Refuses what is nested too deep or has too many nodes before a tree is made of it: making and dropping one takes
    /// a stack as deep, and each alias is a copy of what it names.
    fn check(&self, text: &str) -> Result<(), Malformed> {
        // The collections that are open, each with its anchor, the height of what is in it, and its nodes.
        let mut open: Vec<(usize, usize, usize)> = Vec::new();
        let mut known: HashMap<usize, (usize, usize)> = HashMap::new();
        for event in Parser::new_from_str(text) {
            let (event, _) = event.map_err(|error| Malformed::Syntax(error.to_string()))?;
            let (height, nodes) = match event {
                Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                    open.push((anchor, 0, 1));
                    (0, 0)
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let (anchor, height, nodes) = open.pop().unwrap_or_default();
                    known.insert(anchor, (height + 1, nodes));
                    (height + 1, nodes)
                }
                Event::Alias(anchor) => known.get(&anchor).copied().unwrap_or((0, 1)),
                Event::Scalar(..) => (0, 1),
                _ => continue,
            };
            if open.len() + height > self.deepest || nodes > self.most_nodes {
                return Err(Malformed::TooLarge);
            }
            if let Some((_, highest, all)) = open.last_mut() {
                *highest = height.max(*highest);
                *all = all.saturating_add(nodes);
                if *all > self.most_nodes {
                    return Err(Malformed::TooLarge);
                }
            }
        }
        Ok(())
    }

    fn convert(&self, node: &Yaml<'_>, depth: usize, nodes: &mut usize) -> Result<Value, Malformed> {
        *nodes += 1;
        if depth > self.deepest || *nodes > self.most_nodes {
            return Err(Malformed::TooLarge);
        }
        match node {
            Yaml::Value(scalar) => Ok(convert_scalar(scalar)),
            Yaml::Representation(text, ..) => Ok(Value::String(text.to_string())),
            Yaml::Sequence(items) => items
                .iter()
                .map(|item| self.convert(item, depth + 1, nodes))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Yaml::Mapping(entries) => {
                let mut map = Map::new();
                let mut merged = Map::new();
                for (key, value) in entries {
                    let value_of = |nodes: &mut usize| self.convert(value, depth + 1, nodes);
                    let key = match self.convert(key, depth + 1, nodes)? {
                        Value::String(text) => text,
                        plain @ (Value::Number(_) | Value::Bool(_)) => plain.to_string(),
                        _ => return Err(Malformed::Key),
                    };
                    match (key.as_str(), value_of(nodes)?) {
                        ("<<", Value::Object(more)) if self.merges => merged.extend(more),
                        ("<<", Value::Array(all)) if self.merges => {
                            let maps = all.into_iter().rev().filter_map(|one| match one {
                                Value::Object(more) => Some(more),
                                _ => None,
                            });
                            maps.for_each(|more| merged.extend(more));
                        }
                        (_, value) => drop(map.insert(key, value)),
                    }
                }
                for (key, value) in merged {
                    map.entry(key).or_insert(value);
                }
                Ok(Value::Object(map))
            }
            Yaml::Tagged(tag, inner) => {
                let inner = self.convert(inner, depth + 1, nodes)?;
                if tag.handle == "!" {
                    (self.tag)(&tag.suffix, inner).map_err(Malformed::Tag)
                } else {
                    Ok(inner)
                }
            }
            Yaml::Alias(_) | Yaml::BadValue => Err(Malformed::Value),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const READER: Reader = Reader {
        most_nodes: 100,
        deepest: 8,
        merges: true,
        tag: |name, value| if name == "Ref" { Ok(json!({ "Ref": value })) } else { Err(format!("!{name}")) },
    };

    #[test]
    fn maps_are_merged_tags_asked_for_and_keys_made_text() {
        let text = "a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n404: !Ref Name\n";
        let read = READER.read(text).unwrap();
        assert_eq!(
            read,
            json!({ "a": { "x": 1, "y": 2 }, "b": { "x": 3, "y": 2 }, "404": { "Ref": "Name" } })
        );
        let plain = Reader { merges: false, ..READER }.read("a: {<<: {x: 1}}").unwrap();
        assert_eq!(plain, json!({ "a": { "<<": { "x": 1 } } }));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        assert_eq!(READER.read("a: !Sub x"), Err(Malformed::Tag("!Sub".to_owned())));
        assert_eq!(READER.read(""), Err(Malformed::Empty));
        assert_eq!(READER.read("a\n---\nb\n"), Err(Malformed::Many));
        assert_eq!(READER.read("? [a]\n: b\n"), Err(Malformed::Key));
        assert!(matches!(READER.read("a: [b"), Err(Malformed::Syntax(_))));
    }

    #[test]
    fn depth_and_what_aliases_repeat_are_bounded() {
        assert_eq!(READER.read(&"[".repeat(9)), Err(Malformed::TooLarge));
        let doubling = "a: &a [1, 1, 1, 1]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nd: [*c, *c]\n";
        assert_eq!(READER.read(doubling), Err(Malformed::TooLarge));
        assert!(READER.read("a: &a [1, 1, 1, 1]\nb: [*a, *a]\n").is_ok());
    }
}
