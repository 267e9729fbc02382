//! JSON bodies: from and to members, by shape.

use aws_model::{Field, Location, ServiceModel, ShapeKind, ShapeRef, StructureShape, TimestampFormat};
use serde_json::{Map, Value};

use crate::{ServiceError, decode, encode};

/// The members of a JSON body: wire names become the model's, nulls go, types must be the shapes'.
pub(crate) fn read_structure(
    model: &ServiceModel,
    shape: &StructureShape,
    body: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        ServiceError::bad_request("SerializationException", format!("Could not parse JSON: {error}"))
    })?;
    let Value::Object(found) = value else {
        return Err(wrong_type("an object", &value, "the body"));
    };
    structure(model, shape, found)
}

fn structure(
    model: &ServiceModel,
    shape: &StructureShape,
    mut found: Map<String, Value>,
) -> Result<Map<String, Value>, ServiceError> {
    if shape.document {
        return Ok(found);
    }
    let mut members = Map::with_capacity(found.len());
    for field in shape.fields.iter().filter(|field| field.location == Location::Body) {
        let value = match found.get_mut(&field.wire_name) {
            None | Some(Value::Null) => continue,
            Some(value) => value.take(),
        };
        members.insert(field.name.clone(), read(model, field.shape, value, &field.name)?);
    }
    Ok(members)
}

fn read(model: &ServiceModel, shape: ShapeRef, value: Value, name: &str) -> Result<Value, ServiceError> {
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(shape), value) if shape.document => Ok(value),
        (ShapeKind::Structure(shape), Value::Object(found)) => {
            structure(model, shape, found).map(Value::Object)
        }
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            let items =
                items.into_iter().map(|it| if it.is_null() { Ok(it) } else { read(model, *item, it, name) });
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        (ShapeKind::Map { value: shape, .. }, Value::Object(entries)) => {
            let entries = entries.into_iter().map(|(key, it)| {
                let it = if it.is_null() { it } else { read(model, *shape, it, name)? };
                Ok((key, it))
            });
            entries.collect::<Result<_, ServiceError>>().map(Value::Object)
        }
        (ShapeKind::Text { .. } | ShapeKind::Blob { .. }, value @ Value::String(_))
        | (ShapeKind::Boolean, value @ Value::Bool(_))
        | (ShapeKind::Double { .. } | ShapeKind::Timestamp(_), value @ Value::Number(_)) => Ok(value),
        (ShapeKind::Integer { .. }, Value::Number(number)) => whole(&number)
            .map(Value::from)
            .ok_or_else(|| wrong_type("an integer", &Value::Number(number), name)),
        // Coral accepts scalars where text is meant, and text where a scalar is meant.
        (ShapeKind::Text { .. }, Value::Number(number)) => Ok(Value::String(number.to_string())),
        (ShapeKind::Text { .. }, Value::Bool(flag)) => Ok(Value::String(flag.to_string())),
        (ShapeKind::Timestamp(format), Value::String(text)) => {
            decode::moment(&text, format.unwrap_or(TimestampFormat::EpochSeconds))
                .ok_or_else(|| wrong_type("a timestamp", &Value::String(text), name))
        }
        (ShapeKind::Integer { .. } | ShapeKind::Double { .. } | ShapeKind::Boolean, Value::String(text)) => {
            decode::from_text(model.shape(shape), &text, TimestampFormat::EpochSeconds)
                .ok_or_else(|| wrong_type("a number or a boolean", &Value::String(text), name))
        }
        (kind, value) => Err(wrong_type(kind_name(kind), &value, name)),
    }
}

/// A whole number, also when it is written `5.0`.
#[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let value = number.as_f64()?;
        (value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0).then_some(value as i64)
    })
}

fn kind_name(kind: &ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Structure(_) | ShapeKind::Map { .. } => "an object",
        ShapeKind::List { .. } => "a list",
        ShapeKind::Text { .. } | ShapeKind::Blob { .. } => "a string",
        ShapeKind::Timestamp(_) => "a timestamp",
        ShapeKind::Integer { .. } => "an integer",
        ShapeKind::Double { .. } => "a number",
        ShapeKind::Boolean => "a boolean",
    }
}

fn wrong_type(expected: &str, found: &Value, name: &str) -> ServiceError {
    let found = match found {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    let text = format!("{found} at {name} can not be converted to {expected}");
    ServiceError::bad_request("SerializationException", text)
}

/// Writes those members of a structure that belong in the body.
pub(crate) fn write_structure(
    out: &mut Vec<u8>,
    model: &ServiceModel,
    shape: &StructureShape,
    members: &Map<String, Value>,
) {
    out.push(b'{');
    let mut first = true;
    for (name, value) in members {
        let Some(field) = shape.field(name) else {
            debug_assert!(false, "the answer has a member {name} that its shape has not");
            continue;
        };
        if value.is_null() || field.location != Location::Body {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_text(out, &field.wire_name);
        out.push(b':');
        write(out, model, field, value);
    }
    out.push(b'}');
}

fn write(out: &mut Vec<u8>, model: &ServiceModel, field: &Field, value: &Value) {
    write_shape(out, model, field.shape, value);
}

fn write_shape(out: &mut Vec<u8>, model: &ServiceModel, shape: ShapeRef, value: &Value) {
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(shape), Value::Object(members)) if !shape.document => {
            write_structure(out, model, shape, members);
        }
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            out.push(b'[');
            for (at, value) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_shape(out, model, *item, value);
            }
            out.push(b']');
        }
        (ShapeKind::Map { value: shape, .. }, Value::Object(entries)) => {
            out.push(b'{');
            for (at, (key, value)) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_text(out, key);
                out.push(b':');
                write_shape(out, model, *shape, value);
            }
            out.push(b'}');
        }
        (ShapeKind::Timestamp(Some(format)), Value::Number(seconds))
            if *format != TimestampFormat::EpochSeconds =>
        {
            write_text(out, &encode::moment(seconds, *format));
        }
        (_, value) => write_value(out, value),
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text can be written to memory");
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("a value can be written to memory");
}
