//! `java.util.List`.

use super::{Called, int, is_same};
use crate::{
    context::Context,
    error::RenderError,
    value::{Heap, ListId, Value},
};

pub(super) fn call(context: &mut Context, id: ListId, method: &str, arguments: &[Value]) -> Called {
    let heap = &mut context.heap;
    Ok(Some(match (method, arguments) {
        ("size" | "length", []) => int(heap.items(id).len()),
        ("isEmpty", []) => Value::Boolean(heap.items(id).is_empty()),
        ("get", [Value::Integer(index)]) => heap.items(id)[position(heap, id, *index, method)?].clone(),
        ("set", [Value::Integer(index), value]) => {
            let position = position(heap, id, *index, method)?;
            std::mem::replace(&mut heap.list_mut(id)[position], value.clone())
        }
        ("add", [value]) => {
            heap.charge(1)?;
            heap.list_mut(id).push(value.clone());
            Value::Boolean(true)
        }
        ("add", [Value::Integer(index), value]) => {
            heap.charge(1)?;
            let length = heap.items(id).len();
            let Some(position) = usize::try_from(*index).ok().filter(|position| *position <= length) else {
                return Err(out_of_bounds(method, *index, length));
            };
            heap.list_mut(id).insert(position, value.clone());
            Value::Null
        }
        ("addAll", [Value::List(other)]) => {
            let items = heap.items(*other).to_vec();
            heap.charge(items.len())?;
            let changed = !items.is_empty();
            heap.list_mut(id).extend(items);
            Value::Boolean(changed)
        }
        ("remove", [Value::Integer(index)]) => {
            let position = position(heap, id, *index, method)?;
            heap.list_mut(id).remove(position)
        }
        ("remove", [value]) => match find(heap, id, value) {
            Some(position) => {
                heap.list_mut(id).remove(position);
                Value::Boolean(true)
            }
            None => Value::Boolean(false),
        },
        ("clear", []) => {
            heap.list_mut(id).clear();
            Value::Null
        }
        ("contains", [value]) => Value::Boolean(find(heap, id, value).is_some()),
        ("containsAll", [Value::List(other)]) => {
            let all = heap.items(*other).iter().all(|value| find(heap, id, value).is_some());
            Value::Boolean(all)
        }
        ("indexOf", [value]) => find(heap, id, value).map_or(Value::Integer(-1), int),
        ("lastIndexOf", [value]) => {
            let found = heap.items(id).iter().rposition(|item| is_same(heap, value, item));
            found.map_or(Value::Integer(-1), int)
        }
        ("subList", [Value::Integer(from), Value::Integer(to)]) => {
            let length = heap.items(id).len();
            let bounds = usize::try_from(*from).ok().zip(usize::try_from(*to).ok());
            let Some((from, to)) = bounds.filter(|(from, to)| from <= to && *to <= length) else {
                return Err(out_of_bounds(method, *to, length));
            };
            let items = heap.items(id)[from..to].to_vec();
            heap.list(items)?
        }
        ("iterator", []) => {
            let items = heap.items(id).to_vec();
            heap.iterator(items)?
        }
        _ => return Ok(None),
    }))
}

fn find(heap: &Heap, id: ListId, value: &Value) -> Option<usize> {
    heap.items(id).iter().position(|item| is_same(heap, value, item))
}

fn position(heap: &Heap, id: ListId, index: i128, method: &str) -> Result<usize, RenderError> {
    let length = heap.items(id).len();
    usize::try_from(index)
        .ok()
        .filter(|position| *position < length)
        .ok_or_else(|| out_of_bounds(method, index, length))
}

fn out_of_bounds(method: &str, index: i128, length: usize) -> RenderError {
    RenderError::method(method, format!("Index {index} out of bounds for length {length}"))
}
