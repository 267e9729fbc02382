//! The query protocol's input: `Tags.member.1.Key=a`, or as EC2 has it, `Tag.1.Key=a`.

use std::{borrow::Cow, collections::BTreeMap};

use aws_model::{Field, Protocol, ServiceModel, ShapeKind, ShapeRef, StructureShape, TimestampFormat};
use serde_json::{Map, Value};

use crate::{ServiceError, decode, text};

/// A tree of parameters: what stands at a name, and what stands below it.
#[derive(Default)]
struct Node {
    value: Option<String>,
    below: BTreeMap<String, Node>,
}

/// Deeper names than this are no service's.
const DEEPEST: usize = 32;

pub(crate) fn read(
    model: &ServiceModel,
    shape: &StructureShape,
    query: &str,
    body: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    let body = String::from_utf8_lossy(body);
    let mut root = Node::default();
    for (name, value) in text::query_pairs(query).chain(text::query_pairs(&body)) {
        if name.split('.').count() > DEEPEST {
            return Err(ServiceError::bad_request("MalformedQueryString", "A parameter is nested too deep."));
        }
        let mut node = &mut root;
        for part in name.split('.') {
            node = node.below.entry(part.to_owned()).or_default();
        }
        node.value = Some(value.into_owned());
    }
    structure(model, shape, &root)
}

fn structure(
    model: &ServiceModel,
    shape: &StructureShape,
    node: &Node,
) -> Result<Map<String, Value>, ServiceError> {
    let mut members = Map::new();
    for field in &shape.fields {
        if let Some(found) = node_of(model, field, node)
            && let Some(value) = read_shape(model, field.shape, found, &field.name)?
        {
            members.insert(field.name.clone(), value);
        }
    }
    Ok(members)
}

/// Where a member stands.
fn node_of<'n>(model: &ServiceModel, field: &Field, node: &'n Node) -> Option<&'n Node> {
    let found = node.below.get(&*name_of(model, field));
    if found.is_some() || !model.query_compatible {
        return found;
    }
    // SQS's lists were named after one of their items, or after the item's shape.
    let item = match &model.shape(field.shape).kind {
        ShapeKind::List { item, .. } => Some(model.shape(*item).name.as_str()),
        _ => None,
    };
    let one = match field.name.as_str() {
        "Actions" => String::from("ActionName"),
        "tags" => String::from("Tag"),
        name => name.strip_suffix('s').unwrap_or(name).to_owned(),
    };
    node.below.get(&one).or_else(|| node.below.get(item?))
}

/// What a member is called in requests.
fn name_of<'f>(model: &ServiceModel, field: &'f Field) -> Cow<'f, str> {
    if model.protocol != Protocol::Ec2Query {
        return Cow::Borrowed(&field.wire_name);
    }
    if let Some(name) = &field.query_name {
        return Cow::Borrowed(name);
    }
    match field.wire_name.split_at_checked(1) {
        Some((first, rest)) if first.starts_with(|it: char| it.is_ascii_lowercase()) => {
            Cow::Owned(first.to_ascii_uppercase() + rest)
        }
        _ => Cow::Borrowed(&field.wire_name),
    }
}

fn read_shape(
    model: &ServiceModel,
    shape: ShapeRef,
    node: &Node,
    name: &str,
) -> Result<Option<Value>, ServiceError> {
    match &model.shape(shape).kind {
        ShapeKind::Structure(shape) => {
            structure(model, shape, node).map(|members| Some(Value::Object(members)))
        }
        ShapeKind::List { item, item_element, flattened, .. } => {
            let wrapper = item_element.as_deref().unwrap_or("member");
            let node = if *flattened || model.protocol == Protocol::Ec2Query {
                Some(node)
            } else {
                node.below.get(wrapper).or_else(|| node.below.get("member"))
            };
            let Some(node) = node else { return Ok(Some(Value::Array(Vec::new()))) };
            // A list of one needs no number.
            if *flattened && node.below.is_empty() && node.value.is_some() {
                let only = read_shape(model, *item, node, name)?;
                return Ok(Some(Value::Array(only.into_iter().collect())));
            }
            let items =
                numbered(node).into_iter().filter_map(|it| read_shape(model, *item, it, name).transpose());
            items.collect::<Result<_, _>>().map(|items| Some(Value::Array(items)))
        }
        ShapeKind::Map { value, elements, flattened, .. } => {
            let node = if *flattened { Some(node) } else { node.below.get("entry") };
            let entries = node.map(numbered).unwrap_or_default();
            read_entries(model, *value, elements, &entries, name).map(|entries| Some(Value::Object(entries)))
        }
        _ => {
            let Some(text) = &node.value else { return Ok(None) };
            let value = decode::from_text(model.shape(shape), text, TimestampFormat::Iso8601);
            value.map(Some).ok_or_else(|| {
                if model.protocol == Protocol::Ec2Query {
                    let text = format!("Value ({text}) for parameter {name} is invalid.");
                    return ServiceError::bad_request("InvalidParameterValue", text);
                }
                ServiceError::bad_request(
                    "MalformedInput",
                    format!("Value '{text}' at '{name}' has the wrong type"),
                )
            })
        }
    }
}

/// The entries of a map, each a key and a value.
fn read_entries(
    model: &ServiceModel,
    value: ShapeRef,
    elements: &(String, String),
    entries: &[&Node],
    name: &str,
) -> Result<Map<String, Value>, ServiceError> {
    let mut read = Map::new();
    for entry in entries {
        let (key, found) = if model.query_compatible {
            // SQS's attributes are named and its tags keyed, whatever its model says since it moved to JSON.
            (entry.below.get("Name").or_else(|| entry.below.get("Key")), entry.below.get("Value"))
        } else {
            (entry.below.get(&elements.0), entry.below.get(&elements.1))
        };
        let key = key.and_then(|key| key.value.clone());
        if let (Some(key), Some(found)) = (key, found)
            && let Some(value) = read_shape(model, value, found, name)?
        {
            read.insert(key, value);
        }
    }
    Ok(read)
}

/// The nodes below `1`, `2`, … in the order of their numbers.
fn numbered(node: &Node) -> Vec<&Node> {
    let mut items: Vec<(u64, &Node)> =
        node.below.iter().filter_map(|(number, node)| Some((number.parse().ok()?, node))).collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, node)| node).collect()
}
