//! `java.lang.Integer`, `Long`, `Double`.

use crate::{arithmetic, value::Value};

pub(super) fn call(value: &Value, method: &str, arguments: &[Value]) -> Option<Value> {
    Some(match (method, arguments, value) {
        ("intValue" | "longValue", [], Value::Integer(_)) => value.clone(),
        #[expect(clippy::cast_possible_truncation, reason = "Java's intValue truncates")]
        ("intValue" | "longValue", [], Value::Double(number)) => Value::Integer(*number as i128),
        #[expect(clippy::cast_precision_loss, reason = "Java's doubleValue rounds too")]
        ("doubleValue" | "floatValue", [], Value::Integer(number)) => Value::Double(*number as f64),
        ("doubleValue" | "floatValue", [], Value::Double(_)) => value.clone(),
        ("isNaN", [], Value::Double(number)) => Value::Boolean(number.is_nan()),
        ("isInfinite", [], Value::Double(number)) => Value::Boolean(number.is_infinite()),
        ("compareTo", [other], _) => Value::Integer(arithmetic::compare(value, other)? as i128),
        // The static methods, which Velocity finds on any instance: `$n.parseInt("5")`.
        ("parseInt" | "parseLong" | "valueOf", [Value::Text(text)], Value::Integer(_)) => {
            Value::Integer(text.parse().ok()?)
        }
        ("parseDouble" | "valueOf", [Value::Text(text)], Value::Double(_)) => {
            Value::Double(text.trim().parse().ok()?)
        }
        _ => return None,
    })
}
