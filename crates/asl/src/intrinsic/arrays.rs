//! The functions about arrays.

use serde_json::{Value, json};

use super::functions::integer;

const NOT_AN_ARRAY: &str = "The first argument must be an array";

pub(super) fn contains(array: &Value, wanted: &Value) -> Result<Value, String> {
    let items = array.as_array().ok_or(NOT_AN_ARRAY)?;
    Ok(Value::Bool(items.iter().any(|item| same(item, wanted))))
}

pub(super) fn get_item(array: Value, index: &Value) -> Result<Value, String> {
    let Value::Array(mut items) = array else { return Err(NOT_AN_ARRAY.into()) };
    let place = integer(index)?;
    match usize::try_from(place) {
        Ok(place) if place < items.len() => Ok(items.swap_remove(place)),
        _ => Err(format!("The index {place} is out of the bounds of an array of {} items", items.len())),
    }
}

pub(super) fn length(array: &Value) -> Result<Value, String> {
    array.as_array().map(|items| json!(items.len())).ok_or_else(|| NOT_AN_ARRAY.into())
}

pub(super) fn partition(array: Value, size: &Value) -> Result<Value, String> {
    let Value::Array(items) = array else { return Err(NOT_AN_ARRAY.into()) };
    let size = usize::try_from(integer(size)?).ok().filter(|size| *size > 0);
    let Some(size) = size else { return Err(String::from("The chunk size must be a positive integer")) };
    let mut chunks = Vec::with_capacity(items.len().div_ceil(size));
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        chunks.push(Value::Array(items.by_ref().take(size).collect()));
    }
    Ok(Value::Array(chunks))
}

pub(super) fn range(first: &Value, last: &Value, step: &Value) -> Result<Value, String> {
    const MOST: usize = 1000;
    let (first, last, step) = (integer(first)?, integer(last)?, integer(step)?);
    if step == 0 {
        return Err(String::from("The step cannot be 0"));
    }
    let mut items = Vec::new();
    let mut at = first;
    while if step > 0 { at <= last } else { at >= last } {
        if items.len() == MOST {
            return Err(format!("The range has more than {MOST} items"));
        }
        items.push(json!(at));
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(Value::Array(items))
}

pub(super) fn unique(array: Value) -> Result<Value, String> {
    let Value::Array(items) = array else { return Err(NOT_AN_ARRAY.into()) };
    let mut seen = std::collections::BTreeSet::new();
    let unique = items.into_iter().filter(|item| seen.insert(canonical(item))).collect();
    Ok(Value::Array(unique))
}

/// Equality of JSON values, where `1` and `1.0` are one number.
fn same(one: &Value, other: &Value) -> bool {
    one == other || one.is_number() && other.is_number() && one.as_f64() == other.as_f64()
}

/// A text that is the same for equal values: members in the order of their names, whole numbers without a fraction.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().map(|(name, value)| (name, canonical(value))).collect();
            members.sort();
            format!("{members:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(canonical).collect::<Vec<_>>()),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
