//! XML bodies: from and to members, by shape. Reading goes through a small tree with limits; entities beyond the
//! five of XML itself are refused, so there is nothing to expand.

use aws_model::{Field, Location, ServiceModel, ShapeKind, ShapeRef, StructureShape, TimestampFormat};
use quick_xml::{Reader, events::Event};
use serde_json::{Map, Value};

use crate::{ServiceError, decode, encode};

/// An element: its name without prefix, its text, its children.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    attributes: Vec<(String, String)>,
    children: Vec<Element>,
}

const DEEPEST: usize = 64;

fn malformed() -> ServiceError {
    ServiceError::bad_request(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// The members of an XML body; the name of the root element does not matter.
pub(crate) fn read_structure(
    model: &ServiceModel,
    shape: &StructureShape,
    body: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    let root = parse(body)?;
    structure(model, shape, &root)
}

fn parse(body: &[u8]) -> Result<Element, ServiceError> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).map_err(|_| malformed())?);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err(malformed());
                }
                open.push(element(&start)?);
            }
            Event::Empty(start) => {
                let child = element(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(child),
                    None => return Ok(child),
                }
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(malformed)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text.xml10_content());
                }
            }
            Event::CData(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(reference) => {
                let parent = open.last_mut().ok_or_else(malformed)?;
                let resolved = match reference.resolve_char_ref().map_err(|_| malformed())? {
                    Some(character) => character,
                    None => match &*reference.xml10_content() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        "apos" => '\'',
                        _ => return Err(malformed()),
                    },
                };
                parent.text.push(resolved);
            }
            Event::Eof => return Err(malformed()),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::DocType(_) => return Err(malformed()),
        }
    }
}

fn element(start: &quick_xml::events::BytesStart<'_>) -> Result<Element, ServiceError> {
    let local = |name: quick_xml::name::QName<'_>| name.local_name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| malformed())?;
        attributes.push((local(attribute.key), attribute.value.into_owned()));
    }
    Ok(Element { name: local(start.name()), attributes, ..Element::default() })
}

fn structure(
    model: &ServiceModel,
    shape: &StructureShape,
    found: &Element,
) -> Result<Map<String, Value>, ServiceError> {
    let mut members = Map::new();
    for field in shape.fields.iter().filter(|field| field.location == Location::Body) {
        if let Some(value) = member(model, field, found)? {
            members.insert(field.name.clone(), value);
        }
    }
    Ok(members)
}

fn member(model: &ServiceModel, field: &Field, found: &Element) -> Result<Option<Value>, ServiceError> {
    if field.xml_attribute {
        let name = field.wire_name.rsplit(':').next().unwrap_or_default();
        let attribute = found.attributes.iter().find(|(key, _)| key == name);
        return Ok(attribute.map(|(_, value)| Value::String(value.clone())));
    }
    let mut named = found.children.iter().filter(|child| child.name == field.wire_name).peekable();
    if named.peek().is_none() {
        return Ok(None);
    }
    if let ShapeKind::List { item, flattened, .. } = &model.shape(field.shape).kind
        && (*flattened || field.flattened)
    {
        let items = named.map(|it| read(model, *item, it)).collect::<Result<_, _>>()?;
        return Ok(Some(Value::Array(items)));
    }
    named.next().map(|child| read(model, field.shape, child)).transpose()
}

fn read(model: &ServiceModel, shape: ShapeRef, found: &Element) -> Result<Value, ServiceError> {
    match &model.shape(shape).kind {
        ShapeKind::Structure(shape) => structure(model, shape, found).map(Value::Object),
        ShapeKind::List { item, .. } => {
            found.children.iter().map(|it| read(model, *item, it)).collect::<Result<_, _>>().map(Value::Array)
        }
        ShapeKind::Map { value, elements, .. } => {
            let mut entries = Map::new();
            for entry in &found.children {
                let part = |name: &str| entry.children.iter().find(|child| child.name == name);
                if let (Some(key), Some(found)) = (part(&elements.0), part(&elements.1)) {
                    entries.insert(key.text.clone(), read(model, *value, found)?);
                }
            }
            Ok(Value::Object(entries))
        }
        _ => {
            decode::from_text(model.shape(shape), &found.text, TimestampFormat::Iso8601).ok_or_else(malformed)
        }
    }
}

/// Writes a structure's body members as elements (no root around them).
pub(crate) fn write_members(
    out: &mut String,
    model: &ServiceModel,
    shape: &StructureShape,
    members: &Map<String, Value>,
) {
    for (name, value) in members {
        let Some(field) = shape.field(name) else {
            debug_assert!(false, "the answer has a member {name} that its shape has not");
            continue;
        };
        if value.is_null() || field.location != Location::Body || field.xml_attribute {
            continue;
        }
        write_member(out, model, field, value);
    }
}

fn write_member(out: &mut String, model: &ServiceModel, field: &Field, value: &Value) {
    let kind = &model.shape(field.shape).kind;
    match (kind, value) {
        (ShapeKind::List { item, flattened, .. }, Value::Array(items)) if *flattened || field.flattened => {
            for value in items {
                write_element(out, &field.wire_name, model, *item, value);
            }
        }
        _ => write_element(out, &field.wire_name, model, field.shape, value),
    }
}

/// Writes one element around a value.
pub(crate) fn write_element(
    out: &mut String,
    name: &str,
    model: &ServiceModel,
    shape: ShapeRef,
    value: &Value,
) {
    out.push('<');
    out.push_str(name);
    if let (ShapeKind::Structure(shape), Value::Object(members)) = (&model.shape(shape).kind, value) {
        write_attributes(out, shape, members);
    }
    out.push('>');
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(shape), Value::Object(members)) => write_members(out, model, shape, members),
        (ShapeKind::List { item, item_element, .. }, Value::Array(items)) => {
            for value in items {
                write_element(out, item_element.as_deref().unwrap_or("member"), model, *item, value);
            }
        }
        (ShapeKind::Map { key, value: shape, elements, .. }, Value::Object(entries)) => {
            for (name, value) in entries {
                out.push_str("<entry>");
                write_element(out, &elements.0, model, *key, &Value::String(name.clone()));
                write_element(out, &elements.1, model, *shape, value);
                out.push_str("</entry>");
            }
        }
        (ShapeKind::Timestamp(format), Value::Number(seconds)) => {
            out.push_str(&encode::moment(seconds, format.unwrap_or(TimestampFormat::Iso8601)));
        }
        (_, Value::String(text)) => escape(out, text),
        (_, value) => escape(out, &value.to_string()),
    }
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn write_attributes(out: &mut String, shape: &StructureShape, members: &Map<String, Value>) {
    for field in shape.fields.iter().filter(|field| field.xml_attribute) {
        if let Some(Value::String(value)) = members.get(&field.name) {
            if let Some((prefix, uri)) = &field.xml_namespace {
                let prefix = prefix.as_deref().map(|prefix| format!(":{prefix}")).unwrap_or_default();
                out.push_str(&format!(" xmlns{prefix}=\"{uri}\""));
            }
            out.push_str(&format!(" {}=\"", field.wire_name));
            escape(out, value);
            out.push('"');
        }
    }
}

/// Text as XML carries it. Characters that XML cannot hold become the replacement character.
pub(crate) fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}
