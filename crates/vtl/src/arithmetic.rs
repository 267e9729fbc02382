//! Java's numbers, as Velocity calculates with them.

use std::cmp::Ordering;

use crate::{
    ast::Operator,
    print,
    value::{Heap, Value},
};

/// The result of an operator; `None` is Java's null: no numbers, a division by zero, a number too large.
pub(crate) fn apply(
    heap: &Heap,
    operator: Operator,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let (left, right) = (left?, right?);
    if operator == Operator::Add && (matches!(left, Value::Text(_)) || matches!(right, Value::Text(_))) {
        return Some(Value::from(print::text(heap, left) + &print::text(heap, right)));
    }
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => {
            let result = match operator {
                Operator::Add => left.checked_add(*right),
                Operator::Subtract => left.checked_sub(*right),
                Operator::Multiply => left.checked_mul(*right),
                Operator::Divide => left.checked_div(*right),
                Operator::Modulo => left.checked_rem(*right),
            };
            result.map(Value::Integer)
        }
        _ => {
            let (left, right) = (double(left)?, double(right)?);
            if right == 0.0 && matches!(operator, Operator::Divide | Operator::Modulo) {
                return None;
            }
            Some(Value::Double(match operator {
                Operator::Add => left + right,
                Operator::Subtract => left - right,
                Operator::Multiply => left * right,
                Operator::Divide => left / right,
                Operator::Modulo => left % right,
            }))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "Java widens so too")]
fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}

/// How two numbers compare; `None` for anything else.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
        _ => double(left)?.partial_cmp(&double(right)?),
    }
}
