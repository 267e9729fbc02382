//! `java.util.Map`.

use std::rc::Rc;

use super::{Called, int, is_same};
use crate::{
    context::Context,
    value::{MapId, Value},
};

pub(super) fn call(context: &mut Context, id: MapId, method: &str, arguments: &[Value]) -> Called {
    let heap = &mut context.heap;
    Ok(Some(match (method, arguments) {
        ("size", []) => int(heap.map_of(id).len()),
        ("isEmpty", []) => Value::Boolean(heap.map_of(id).is_empty()),
        ("get", [key]) => {
            let key = heap.key(key);
            return Ok(heap.map_of(id).get(&key).cloned());
        }
        ("getOrDefault", [key, default]) => {
            let key = heap.key(key);
            heap.map_of(id).get(&key).unwrap_or(default).clone()
        }
        ("put", [key, value]) => {
            let key = heap.key(key);
            return heap.put(id, key, value.clone());
        }
        ("putIfAbsent", [key, value]) => {
            let key = heap.key(key);
            if let Some(present) = heap.map_of(id).get(&key) {
                return Ok(Some(present.clone()));
            }
            return heap.put(id, key, value.clone());
        }
        ("putAll", [Value::Map(other)]) => {
            for (key, value) in heap.map_of(*other).clone() {
                heap.put(id, key, value)?;
            }
            Value::Null
        }
        ("remove", [key]) => {
            let key = heap.key(key);
            return Ok(heap.map_mut(id).shift_remove(&key));
        }
        ("clear", []) => {
            heap.map_mut(id).clear();
            Value::Null
        }
        ("containsKey", [key]) => {
            let key = heap.key(key);
            Value::Boolean(heap.map_of(id).contains_key(&key))
        }
        ("containsValue", [value]) => {
            Value::Boolean(heap.map_of(id).values().any(|present| is_same(heap, value, present)))
        }
        ("keySet", []) => {
            let keys = heap.entries(id).map(|(key, _)| key.value()).collect();
            heap.list(keys)?
        }
        ("values", []) => {
            let values = heap.entries(id).map(|(_, value)| value.clone()).collect();
            heap.list(values)?
        }
        ("entrySet", []) => {
            let entry =
                |(key, value): (&_, &Value)| Value::Entry(Rc::new((Clone::clone(key), value.clone())));
            let entries = heap.entries(id).map(entry).collect();
            heap.list(entries)?
        }
        _ => return Ok(None),
    }))
}
