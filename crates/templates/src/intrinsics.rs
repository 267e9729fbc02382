//! Intrinsic functions, evaluated against what is known.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::{Refusals, cidr};

/// The longest text that functions may make. What they make grows with every function around it, so that a short
/// template could otherwise fill the memory.
const LONGEST: usize = 1 << 20;

/// `AWS::Region` and its kin.
#[derive(Debug, Clone)]
pub struct PseudoParameters {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// The stack's name.
    pub stack: String,
    /// The names of a region's Availability Zones, sorted.
    pub zones: fn(&str) -> Vec<String>,
}

/// What can be referred to: pseudo parameters, parameters, conditions, and what resources gave.
#[derive(Debug, Clone)]
pub struct Known {
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) attributes: BTreeMap<(String, String), Value>,
    pub(crate) conditions: BTreeMap<String, bool>,
    pub(crate) mappings: Map<String, Value>,
    /// Whether the template has the transform `AWS::LanguageExtensions`.
    pub(crate) is_extended: bool,
    zones: fn(&str) -> Vec<String>,
}

impl Known {
    pub(crate) fn new(pseudo: &PseudoParameters) -> Self {
        let PseudoParameters { account, region, stack, zones } = pseudo;
        let values = [
            ("AWS::AccountId", account.clone()),
            ("AWS::Region", region.clone()),
            ("AWS::Partition", "aws".to_owned()),
            ("AWS::URLSuffix", "amazonaws.com".to_owned()),
            ("AWS::StackName", stack.clone()),
            ("AWS::StackId", format!("arn:aws:cloudformation:{region}:{account}:stack/{stack}/tule")),
        ];
        Self {
            values: values.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect(),
            attributes: BTreeMap::new(),
            conditions: BTreeMap::new(),
            mappings: Map::new(),
            is_extended: false,
            zones: *zones,
        }
    }

    /// What `Ref` of a resource gives from now on.
    pub fn set_ref(&mut self, logical_id: &str, value: impl Into<Value>) {
        self.values.insert(logical_id.to_owned(), value.into());
    }

    /// What `Fn::GetAtt` of a resource gives from now on.
    pub fn set_attribute(&mut self, logical_id: &str, attribute: &str, value: impl Into<Value>) {
        self.attributes.insert((logical_id.to_owned(), attribute.to_owned()), value.into());
    }

    /// A value with its functions evaluated. Places in refusals begin with `place`.
    pub fn resolve(&self, value: &Value, place: &str) -> Result<Value, Refusals> {
        match value {
            Value::Object(map) if map.len() == 1 => {
                let (name, argument) = map.iter().next().expect("a map of one entry has one");
                if name == "Ref" || name == "Condition" || name.starts_with("Fn::") {
                    return self.function(name, argument, place);
                }
                self.resolve_map(map, place)
            }
            Value::Object(map) => self.resolve_map(map, place),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    let item = self.resolve(item, &format!("{place}.{at}"))?;
                    if !is_no_value(&item) {
                        resolved.push(item);
                    }
                }
                Ok(Value::Array(resolved))
            }
            plain => Ok(plain.clone()),
        }
    }

    fn resolve_map(&self, map: &Map<String, Value>, place: &str) -> Result<Value, Refusals> {
        let mut resolved = Map::new();
        for (key, value) in map {
            let value = self.resolve(value, &format!("{place}.{key}"))?;
            if !is_no_value(&value) {
                resolved.insert(key.clone(), value);
            }
        }
        Ok(Value::Object(resolved))
    }

    fn function(&self, name: &str, argument: &Value, place: &str) -> Result<Value, Refusals> {
        let wrong = || Refusals::one(place, format!("the argument of {name} has the wrong form"));
        match name {
            "Ref" => {
                let id = argument.as_str().ok_or_else(wrong)?;
                self.reference(id, place)
            }
            "Fn::GetAtt" => {
                let parts = argument.as_array().filter(|parts| parts.len() >= 2).ok_or_else(wrong)?;
                let id = parts[0].as_str().ok_or_else(wrong)?;
                let attribute = self.resolve(&parts[1], place)?;
                self.attribute(id, attribute.as_str().ok_or_else(wrong)?, place)
            }
            "Fn::Sub" => self.substitute(argument, place),
            "Fn::Join" | "Fn::Select" | "Fn::Split" => {
                combined(name, &self.arguments(argument, 2, name, place)?, place)
            }
            "Fn::Cidr" => combined(name, &self.arguments(argument, 3, name, place)?, place),
            "Fn::If" => {
                let parts = argument.as_array().filter(|parts| parts.len() == 3).ok_or_else(wrong)?;
                let chosen = self.condition(parts[0].as_str().ok_or_else(wrong)?, place)?;
                self.resolve(&parts[if chosen { 1 } else { 2 }], place)
            }
            "Fn::FindInMap" => self.find_in_map(argument, place),
            "Fn::GetAZs" => {
                let given = self.resolve(argument, place)?;
                let region = match given.as_str().ok_or_else(wrong)? {
                    "" => self.values.get("AWS::Region").and_then(Value::as_str).unwrap_or_default(),
                    named => named,
                };
                Ok(Value::from((self.zones)(region)))
            }
            "Fn::Length" => {
                self.check_extended(name, place)?;
                let list = self.resolve(argument, place)?;
                list.as_array().map(|items| Value::from(items.len())).ok_or_else(wrong)
            }
            "Fn::Base64" => {
                let inner = self.resolve(argument, place)?;
                let encoded = STANDARD.encode(inner.as_str().ok_or_else(wrong)?);
                check_length(encoded.len(), place)?;
                Ok(Value::String(encoded))
            }
            "Fn::ToJsonString" => {
                self.check_extended(name, place)?;
                let json = self.resolve(argument, place)?.to_string();
                check_length(json.len(), place)?;
                Ok(Value::String(json))
            }
            "Condition" | "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" => {
                self.decide(name, argument, place).map(Value::Bool)
            }
            other => Err(Refusals::one(place, format!("Tule does not evaluate {other} yet"))),
        }
    }

    /// What only templates with the transform have.
    fn check_extended(&self, name: &str, place: &str) -> Result<(), Refusals> {
        if self.is_extended {
            return Ok(());
        }
        Err(Refusals::one(place, format!("{name} needs the transform AWS::LanguageExtensions")))
    }

    /// A map's name and two keys; with the transform also what is meant where there is no such entry.
    fn find_in_map(&self, argument: &Value, place: &str) -> Result<Value, Refusals> {
        let wrong = || Refusals::one(place, "Fn::FindInMap takes a map's name and two keys");
        let parts = argument.as_array().ok_or_else(wrong)?;
        let (names, default) = match parts.as_slice() {
            names @ [_, _, _] => (names, None),
            [names @ .., Value::Object(default)] if names.len() == 3 && default.len() == 1 => {
                self.check_extended("the DefaultValue of Fn::FindInMap", place)?;
                (names, Some(default.get("DefaultValue").ok_or_else(wrong)?))
            }
            _ => return Err(wrong()),
        };
        let mut names = names.iter().map(|name| self.resolve(name, place));
        let mut name = || names.next().transpose()?.as_ref().and_then(text).ok_or_else(wrong);
        let (map, first, second) = (name()?, name()?, name()?);
        let found = self.mappings.get(&map).and_then(|map| map.get(&first)?.get(&second));
        match (found, default) {
            (Some(found), _) => Ok(found.clone()),
            (None, Some(default)) => self.resolve(default, place),
            (None, None) => Err(Refusals::one(place, "Fn::FindInMap finds no such entry")),
        }
    }

    fn arguments(
        &self,
        argument: &Value,
        count: usize,
        name: &str,
        place: &str,
    ) -> Result<Vec<Value>, Refusals> {
        match self.resolve(argument, place)? {
            Value::Array(parts) if parts.len() == count => Ok(parts),
            _ => Err(Refusals::one(place, format!("{name} takes a list of {count}"))),
        }
    }

    fn reference(&self, id: &str, place: &str) -> Result<Value, Refusals> {
        if id == "AWS::NoValue" {
            return Ok(no_value());
        }
        let found = self.values.get(id).cloned();
        found.ok_or_else(|| {
            Refusals::one(place, format!("Ref names {id}, which is neither a parameter nor a resource here"))
        })
    }

    fn attribute(&self, id: &str, attribute: &str, place: &str) -> Result<Value, Refusals> {
        let found = self.attributes.get(&(id.to_owned(), attribute.to_owned())).cloned();
        found.ok_or_else(|| Refusals::one(place, format!("Tule has no attribute {attribute} of {id}")))
    }

    /// `Fn::Sub`: `${Name}`, `${Name.Attribute}`, `${!Literal}`, with or without a map of values.
    fn substitute(&self, argument: &Value, place: &str) -> Result<Value, Refusals> {
        let wrong = || Refusals::one(place, "Fn::Sub takes a text, or a list of a text and a map");
        let (template, given) = match argument {
            Value::String(template) => (template.as_str(), None),
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(template), Value::Object(given)] => (template.as_str(), Some(given)),
                _ => return Err(wrong()),
            },
            _ => return Err(wrong()),
        };
        let mut out = String::with_capacity(template.len());
        let mut resolved = BTreeMap::new();
        let mut rest = template;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            let after = &rest[at + 2..];
            let Some(end) = after.find('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            let name = after[..end].trim();
            rest = &after[end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = match given.and_then(|given| given.get(name)) {
                // Once for each name: a name in a text twice, in functions inside of each other, would otherwise be
                // resolved twice to the power of their depth.
                Some(value) => match resolved.get(name) {
                    Some(known) => Value::clone(known),
                    None => resolved.entry(name).or_insert(self.resolve(value, place)?).clone(),
                },
                None => match name.split_once('.') {
                    Some((id, attribute)) => self.attribute(id, attribute, place)?,
                    None => self.reference(name, place)?,
                },
            };
            let value = text(&value);
            out.push_str(&value.ok_or_else(|| Refusals::one(place, format!("${{{name}}} is no text")))?);
            check_length(out.len(), place)?;
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }

    pub(crate) fn condition(&self, name: &str, place: &str) -> Result<bool, Refusals> {
        let found = self.conditions.get(name).copied();
        found.ok_or_else(|| Refusals::one(place, format!("there is no condition {name}")))
    }

    /// A condition's own expression.
    pub(crate) fn decide(&self, name: &str, argument: &Value, place: &str) -> Result<bool, Refusals> {
        let wrong = || Refusals::one(place, format!("the argument of {name} has the wrong form"));
        let truth = |value: &Value| self.resolve(value, place)?.as_bool().ok_or_else(wrong);
        match name {
            "Condition" => self.condition(argument.as_str().ok_or_else(wrong)?, place),
            "Fn::Equals" => {
                let parts = self.arguments(argument, 2, name, place)?;
                Ok(parts[0] == parts[1] || text(&parts[0]).is_some_and(|one| text(&parts[1]) == Some(one)))
            }
            "Fn::Not" => {
                let parts = argument.as_array().filter(|parts| parts.len() == 1).ok_or_else(wrong)?;
                truth(&parts[0]).map(|it| !it)
            }
            _ => {
                let parts = argument.as_array().filter(|parts| !parts.is_empty()).ok_or_else(wrong)?;
                let truths = parts.iter().map(truth).collect::<Result<Vec<_>, _>>()?;
                Ok(if name == "Fn::And" { truths.iter().all(|it| *it) } else { truths.iter().any(|it| *it) })
            }
        }
    }
}

/// What a function makes of its arguments alone.
fn combined(name: &str, parts: &[Value], place: &str) -> Result<Value, Refusals> {
    let wrong = || Refusals::one(place, format!("the argument of {name} has the wrong form"));
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    match (name, parts) {
        ("Fn::Join", [separator, items]) => {
            let separator = separator.as_str().ok_or_else(wrong)?;
            let texts = items.as_array().ok_or_else(wrong)?.iter().map(|item| text(item).ok_or_else(wrong));
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            check_length(texts.iter().map(|text| text.len() + separator.len()).sum(), place)?;
            Ok(Value::String(texts.join(separator)))
        }
        ("Fn::Split", [separator, whole]) => {
            let (separator, whole) = separator.as_str().zip(whole.as_str()).ok_or_else(wrong)?;
            Ok(Value::from(whole.split(separator).collect::<Vec<_>>()))
        }
        ("Fn::Select", [index, items]) => {
            let index = number(index).ok_or_else(wrong)?;
            let items = items.as_array().ok_or_else(wrong)?;
            let found = usize::try_from(index).ok().and_then(|index| items.get(index)).cloned();
            found.ok_or_else(|| Refusals::one(place, format!("Fn::Select cannot select item {index}")))
        }
        ("Fn::Cidr", [block, count, bits]) => {
            let block = block.as_str().ok_or_else(wrong)?;
            let (count, bits) = number(count).zip(number(bits)).ok_or_else(wrong)?;
            let made = cidr::split(block, count, bits);
            made.map(Value::from).map_err(|reason| Refusals::one(place, format!("Fn::Cidr: {reason}")))
        }
        _ => Err(wrong()),
    }
}

fn check_length(length: usize, place: &str) -> Result<(), Refusals> {
    match length {
        0..=LONGEST => Ok(()),
        _ => Err(Refusals::one(place, format!("the text made here is longer than {LONGEST} bytes"))),
    }
}

/// `AWS::NoValue`, until the map or list around it drops it.
fn no_value() -> Value {
    Value::Object([("AWS::NoValue".to_owned(), Value::Null)].into_iter().collect())
}

fn is_no_value(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("AWS::NoValue"))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The logical ids that a value refers to.
pub(crate) fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Ref", Value::String(id)) => drop(found.insert(id.clone())),
                    ("Fn::GetAtt", Value::Array(parts)) => {
                        found.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
                    }
                    ("Fn::Sub", Value::String(template)) => in_template(template, found),
                    ("Fn::Sub", Value::Array(parts)) => {
                        parts
                            .iter()
                            .filter_map(Value::as_str)
                            .for_each(|template| in_template(template, found));
                        parts.iter().for_each(|part| references(part, found));
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_template(template: &str, found: &mut BTreeSet<String>) {
    for part in template.split("${").skip(1) {
        let name = part.split('}').next().unwrap_or_default().trim();
        if !name.starts_with('!') {
            found.insert(name.split('.').next().unwrap_or_default().to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Known {
        let pseudo = PseudoParameters {
            account: "1".repeat(12),
            region: "eu-west-1".to_owned(),
            stack: "shop".to_owned(),
            zones: |region| vec![format!("{region}a"), format!("{region}b")],
        };
        let mut known = Known::new(&pseudo);
        known.set_ref("Bucket", "orders");
        known.set_attribute("F", "Arn", "arn:f");
        known.conditions.insert("Prod".to_owned(), true);
        let sizes = json!({"eu-west-1": {"size": "small"}});
        known.mappings.insert("Sizes".to_owned(), sizes);
        known
    }

    #[expect(clippy::needless_pass_by_value, reason = "cases are written in place")]
    fn resolved(value: Value) -> Value {
        known().resolve(&value, "here").unwrap_or_else(|refusals| json!(refusals.to_string()))
    }

    #[test]
    fn functions_evaluate() {
        assert_eq!(
            resolved(json!({"Fn::Sub": "${AWS::Region}/${Bucket}/${F.Arn}/${!x}"})),
            "eu-west-1/orders/arn:f/${x}"
        );
        assert_eq!(
            resolved(json!({"Fn::Sub": ["${a}-${Bucket}", {"a": {"Ref": "AWS::StackName"}}]})),
            "shop-orders"
        );
        assert_eq!(resolved(json!({"Fn::Join": ["-", ["a", {"Ref": "Bucket"}, 1]]})), "a-orders-1");
        assert_eq!(resolved(json!({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]})), "b");
        assert_eq!(
            resolved(json!({"a": {"Fn::If": ["Prod", 1, 2]}, "b": {"Ref": "AWS::NoValue"}})),
            json!({"a": 1})
        );
        assert_eq!(resolved(json!({"Fn::Base64": "hello"})), "aGVsbG8=");
        assert_eq!(resolved(json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "Bucket"}, "x"]}]})), true);
    }

    #[test]
    fn networks_are_divided_and_zones_named() {
        assert_eq!(resolved(json!({"Fn::GetAZs": ""})), json!(["eu-west-1a", "eu-west-1b"]));
        assert_eq!(
            resolved(json!({"Fn::Select": [1, {"Fn::GetAZs": {"Fn::Sub": "us-east-1"}}]})),
            "us-east-1b"
        );
        assert_eq!(
            resolved(json!({"Fn::Select": [2, {"Fn::Cidr": ["192.168.0.0/24", "6", "5"]}]})),
            "192.168.0.64/27"
        );
        assert_eq!(
            resolved(json!({"Fn::Cidr": ["10.0.0.0/24", 3, 7]})),
            "here: Fn::Cidr: 10.0.0.0/24 has no room for 3 blocks of 7 bits"
        );
        assert_eq!(resolved(json!({"Fn::Cidr": ["10.0.0.0/24", 3]})), "here: Fn::Cidr takes a list of 3");
    }

    #[test]
    fn extensions_need_their_transform() {
        let region = json!({"Ref": "AWS::Region"});
        assert_eq!(resolved(json!({"Fn::FindInMap": ["Sizes", region, "size"]})), "small");
        let default =
            json!({"Fn::FindInMap": ["Sizes", "nowhere", "size", {"DefaultValue": {"Ref": "Bucket"}}]});
        for (function, value) in [
            (json!({"Fn::Length": {"Fn::GetAZs": ""}}), json!(2)),
            (json!({"Fn::ToJsonString": {"a": {"Ref": "Bucket"}}}), json!(r#"{"a":"orders"}"#)),
            (default, json!("orders")),
        ] {
            let refused = resolved(function.clone());
            let refused = refused.as_str().unwrap();
            assert!(refused.ends_with("needs the transform AWS::LanguageExtensions"), "{refused}");
            let extended = Known { is_extended: true, ..known() };
            assert_eq!(extended.resolve(&function, "here").unwrap(), value);
        }
    }

    #[test]
    fn what_cannot_be_evaluated_says_where() {
        assert_eq!(
            resolved(json!({"a": [{"Ref": "Nope"}]})),
            "here.a.0: Ref names Nope, which is neither a parameter nor a resource here"
        );
        assert_eq!(
            resolved(json!({"Fn::ImportValue": "x"})),
            "here: Tule does not evaluate Fn::ImportValue yet"
        );
    }

    #[test]
    fn references_are_found() {
        let mut found = BTreeSet::new();
        references(
            &json!({"a": {"Fn::Sub": "${B.Arn} ${!C}"}, "d": [{"Ref": "E"}, {"Fn::GetAtt": ["F", "x"]}]}),
            &mut found,
        );
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["B", "E", "F"]);
    }
}
