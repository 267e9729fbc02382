//! The methods that Java's values have in a template.

mod list;
mod map;
mod number;
mod text;

use crate::{
    arithmetic,
    context::Context,
    error::RenderError,
    print,
    value::{Heap, Value},
};

/// What a call gives: `None` if there is no such method for these arguments.
pub(crate) type Called = Result<Option<Value>, RenderError>;

/// Calls `method` on `value`.
pub(crate) fn call(context: &mut Context, value: &Value, method: &str, arguments: &[Value]) -> Called {
    match (method, arguments) {
        ("toString", []) => {
            let text = context.print(value)?;
            return context.text(text).map(Some);
        }
        ("equals", [other]) => {
            return Ok(Some(Value::Boolean(is_same(&context.heap, value, other))));
        }
        _ => {}
    }
    match value {
        Value::Text(text) => text::call(context, text, method, arguments),
        Value::List(id) => list::call(context, *id, method, arguments),
        Value::Map(id) => map::call(context, *id, method, arguments),
        Value::Integer(_) | Value::Double(_) => Ok(number::call(value, method, arguments)),
        Value::Host(host) => host.clone().call(&mut context.heap, method, arguments),
        Value::Entry(entry) => Ok(match (method, arguments) {
            ("getKey", []) => Some(entry.0.value()),
            ("getValue", []) => Some(entry.1.clone()),
            _ => None,
        }),
        Value::Iterator(id) => Ok(iterator(context, *id, method, arguments)),
        Value::Boolean(value) => Ok(match (method, arguments) {
            ("booleanValue", []) => Some(Value::Boolean(*value)),
            _ => None,
        }),
        Value::Loop(_) => Ok(getter(context, value, method, arguments)),
        Value::Null | Value::Block(_) => Ok(None),
    }
}

/// `$foreach.getIndex()`, `$foreach.hasNext()`: the properties by their Java names.
fn getter(context: &mut Context, value: &Value, method: &str, arguments: &[Value]) -> Option<Value> {
    let Value::Loop(id) = value else { return None };
    let state = arguments.is_empty().then(|| context.loops.get(*id).cloned()).flatten()?;
    let integer = |number: usize| Value::Integer(i128::try_from(number).unwrap_or(i128::MAX));
    match method {
        "getIndex" => Some(integer(state.index)),
        "getCount" => Some(integer(state.index + 1)),
        "hasNext" | "getHasNext" => Some(Value::Boolean(state.has_next)),
        "isFirst" => Some(Value::Boolean(state.index == 0)),
        "isLast" => Some(Value::Boolean(!state.has_next)),
        _ => None,
    }
}

fn iterator(context: &mut Context, id: usize, method: &str, arguments: &[Value]) -> Option<Value> {
    let cursor = context.heap.iterators.get_mut(id).filter(|_| arguments.is_empty())?;
    match method {
        "hasNext" => Some(Value::Boolean(cursor.next < cursor.items.len())),
        "next" => {
            let item = cursor.items.get(cursor.next).cloned()?;
            cursor.next += 1;
            Some(item)
        }
        _ => None,
    }
}

/// `value[index]`.
pub(crate) fn index(context: &mut Context, value: &Value, index: &Value) -> Called {
    match value {
        Value::List(_) | Value::Map(_) => call(context, value, "get", std::slice::from_ref(index)),
        Value::Host(host) => match index {
            Value::Text(name) => host.clone().property(&mut context.heap, name),
            _ => host.clone().call(&mut context.heap, "get", std::slice::from_ref(index)),
        },
        _ => Ok(None),
    }
}

/// `==` as an operator: numbers by value, the same kinds by `equals`, and all else by what they print.
pub(crate) fn are_equal(heap: &Heap, left: &Value, right: &Value) -> bool {
    if let Some(order) = arithmetic::compare(left, right) {
        return order.is_eq();
    }
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => is_same(heap, left, right),
        _ => print::text(heap, left) == print::text(heap, right),
    }
}

/// Java's `equals`: kinds must match. What contains itself, or is too large to compare, equals nothing.
pub(crate) fn is_same(heap: &Heap, left: &Value, right: &Value) -> bool {
    Comparer { heap, room: MAX_COMPARED }.is_same(left, right, print::MAX_DEPTH)
}

/// Values compared in one comparison.
const MAX_COMPARED: usize = 1_000_000;

struct Comparer<'a> {
    heap: &'a Heap,
    room: usize,
}

impl Comparer<'_> {
    fn is_same(&mut self, left: &Value, right: &Value, depth: usize) -> bool {
        if depth == 0 || self.room == 0 {
            return false;
        }
        self.room -= 1;
        match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            (Value::Integer(left), Value::Integer(right)) => left == right,
            (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
            (Value::Text(left), Value::Text(right)) => left == right,
            (Value::List(left), Value::List(right)) => {
                let (left, right) = (self.heap.items(*left), self.heap.items(*right));
                left.len() == right.len()
                    && left.iter().zip(right).all(|(left, right)| self.is_same(left, right, depth - 1))
            }
            (Value::Map(left), Value::Map(right)) => {
                let (left, right) = (self.heap.map_of(*left), self.heap.map_of(*right));
                left.len() == right.len()
                    && left.iter().all(|(key, value)| {
                        right.get(key).is_some_and(|other| self.is_same(value, other, depth - 1))
                    })
            }
            (Value::Entry(left), Value::Entry(right)) => {
                left.0 == right.0 && self.is_same(&left.1, &right.1, depth - 1)
            }
            _ => false,
        }
    }
}

/// A count or an index as Java's `int`.
pub(crate) fn int(number: usize) -> Value {
    Value::Integer(i128::try_from(number).unwrap_or(i128::MAX))
}
