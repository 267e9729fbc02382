//! From a model's text to a table of nodes.

use std::collections::{BTreeMap, HashMap};

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::{Dependency, Items, Kind, Limits, Node, Numbers, Rest, Schema};

/// The deepest that a schema's own text may lie.
const MOST_DEPTH: usize = 100;

/// Compiles the model called `name`; the others are there for its references. The error says what is wrong with it.
pub(crate) fn compile(name: &str, models: &BTreeMap<String, Value>) -> Result<Schema, String> {
    let mut compiler = Compiler { models, nodes: Vec::new(), known: HashMap::new() };
    let root = compiler.pointed(name, "", 0)?;
    Ok(Schema { nodes: compiler.nodes, root })
}

struct Compiler<'m> {
    models: &'m BTreeMap<String, Value>,
    nodes: Vec<Node>,
    /// Places of what references have led to, by model and pointer.
    known: HashMap<(String, String), usize>,
}

impl Compiler<'_> {
    /// The node of a part of a model.
    fn pointed(&mut self, model: &str, pointer: &str, depth: usize) -> Result<usize, String> {
        let key = (model.to_owned(), pointer.to_owned());
        if let Some(place) = self.known.get(&key) {
            return Ok(*place);
        }
        let document = self.models.get(model).ok_or_else(|| format!("there is no model {model}"))?;
        let part = document.pointer(pointer).ok_or_else(|| format!("model {model} has no {pointer}"))?;
        // The place is known before what is in it, so that a circle ends here.
        let place = self.nodes.len();
        self.nodes.push(Node::default());
        self.known.insert(key, place);
        self.nodes[place] = self.node(model, part, depth + 1)?;
        Ok(place)
    }

    fn place(&mut self, model: &str, schema: &Value, depth: usize) -> Result<usize, String> {
        let node = self.node(model, schema, depth + 1)?;
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    fn places(&mut self, model: &str, schema: Option<&Value>, depth: usize) -> Result<Vec<usize>, String> {
        let schemas = schema.and_then(Value::as_array).into_iter().flatten();
        schemas.map(|schema| self.place(model, schema, depth)).collect()
    }

    fn named(
        &mut self,
        model: &str,
        schemas: Option<&Value>,
        depth: usize,
    ) -> Result<Vec<(String, usize)>, String> {
        let schemas = schemas.and_then(Value::as_object).into_iter().flatten();
        schemas.map(|(name, schema)| Ok((name.clone(), self.place(model, schema, depth)?))).collect()
    }

    fn node(&mut self, model: &str, schema: &Value, depth: usize) -> Result<Node, String> {
        if depth > MOST_DEPTH {
            return Err(format!("model {model} is too deep"));
        }
        let members =
            schema.as_object().ok_or_else(|| format!("model {model} has a schema that is no object"))?;
        if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
            let (other, pointer) = target(model, reference);
            let reference = Some(self.pointed(&other, &pointer, depth)?);
            return Ok(Node { reference, ..Node::default() });
        }
        let patterns = self.named(model, members.get("patternProperties"), depth)?;
        Ok(Node {
            reference: None,
            types: types(members.get("type"))?,
            values: members.get("enum").and_then(Value::as_array).cloned(),
            numbers: numbers(members),
            lengths: limits(members, "minLength", "maxLength"),
            pattern: match members.get("pattern").and_then(Value::as_str) {
                Some(pattern) => Some((pattern.to_owned(), regex(pattern)?)),
                None => None,
            },
            items: match members.get("items") {
                None => Items::Any,
                Some(Value::Array(_)) => Items::Tuple(self.places(model, members.get("items"), depth)?),
                Some(each) => Items::Each(self.place(model, each, depth)?),
            },
            additional_items: self.rest(model, members.get("additionalItems"), depth)?,
            item_count: limits(members, "minItems", "maxItems"),
            unique: members.get("uniqueItems") == Some(&Value::Bool(true)),
            properties: self.named(model, members.get("properties"), depth)?.into_iter().collect(),
            patterns: patterns
                .into_iter()
                .map(|(pattern, place)| Ok((regex(&pattern)?, place)))
                .collect::<Result<_, String>>()?,
            additional_properties: self.rest(model, members.get("additionalProperties"), depth)?,
            required: texts(members.get("required")),
            property_count: limits(members, "minProperties", "maxProperties"),
            dependencies: self.dependencies(model, members.get("dependencies"), depth)?,
            all_of: self.places(model, members.get("allOf"), depth)?,
            any_of: self.places(model, members.get("anyOf"), depth)?,
            one_of: self.places(model, members.get("oneOf"), depth)?,
            not: match members.get("not") {
                Some(not) => Some(self.place(model, not, depth)?),
                None => None,
            },
        })
    }

    fn rest(&mut self, model: &str, rest: Option<&Value>, depth: usize) -> Result<Rest, String> {
        match rest {
            None | Some(Value::Bool(true)) => Ok(Rest::Any),
            Some(Value::Bool(false)) => Ok(Rest::None),
            Some(schema) => self.place(model, schema, depth).map(Rest::Fits),
        }
    }

    fn dependencies(
        &mut self,
        model: &str,
        all: Option<&Value>,
        depth: usize,
    ) -> Result<BTreeMap<String, Dependency>, String> {
        let all = all.and_then(Value::as_object).into_iter().flatten();
        all.map(|(name, dependency)| {
            let dependency = match dependency {
                Value::Array(_) => Dependency::Properties(texts(Some(dependency))),
                schema => Dependency::Schema(self.place(model, schema, depth)?),
            };
            Ok((name.clone(), dependency))
        })
        .collect()
    }
}

/// The model and the part of it that a reference names: `https://apigateway.amazonaws.com/restapis/ID/models/NAME`,
/// `#/definitions/x`, or both together. Which API the address names does not matter: an API's export has another id.
fn target(model: &str, reference: &str) -> (String, String) {
    let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let model = if address.is_empty() { model } else { address.rsplit('/').next().unwrap_or(address) };
    (model.to_owned(), proxy_events::decode(fragment))
}

/// The models that a schema's references name.
pub(crate) fn referenced(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str)
                && !reference.starts_with('#')
            {
                found.push(target("", reference).0);
            }
            members.values().for_each(|member| referenced(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| referenced(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn types(types: Option<&Value>) -> Result<Option<Vec<Kind>>, String> {
    let kind = |name: &Value| match name.as_str() {
        Some("array") => Ok(Kind::Array),
        Some("boolean") => Ok(Kind::Boolean),
        Some("integer") => Ok(Kind::Integer),
        Some("null") => Ok(Kind::Null),
        Some("number") => Ok(Kind::Number),
        Some("object") => Ok(Kind::Object),
        Some("string") => Ok(Kind::String),
        _ => Err(format!("{name} is no type")),
    };
    match types {
        None => Ok(None),
        Some(Value::Array(names)) => names.iter().map(kind).collect::<Result<_, _>>().map(Some),
        Some(name) => kind(name).map(|kind| Some(vec![kind])),
    }
}

fn numbers(members: &Map<String, Value>) -> Numbers {
    let number = |name: &str| members.get(name).and_then(Value::as_number).cloned();
    let flag = |name: &str| members.get(name) == Some(&Value::Bool(true));
    Numbers {
        multiple_of: number("multipleOf"),
        minimum: number("minimum"),
        maximum: number("maximum"),
        exclusive_minimum: flag("exclusiveMinimum"),
        exclusive_maximum: flag("exclusiveMaximum"),
    }
}

fn limits(members: &Map<String, Value>, least: &str, most: &str) -> Limits {
    let limit = |name: &str| members.get(name).and_then(Value::as_u64);
    Limits { least: limit(least), most: limit(most) }
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("the pattern {pattern} cannot be read: {error}"))
}
