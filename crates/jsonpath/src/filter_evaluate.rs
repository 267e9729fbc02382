//! Whether a filter takes a value.

use std::borrow::Cow;

use serde_json::Value;

use crate::{
    error::PathError,
    evaluate::Evaluator,
    filter::{Expression, Filter, Operand, Operator},
    filter_value::Node,
    token::Path,
};

impl Filter {
    /// Whether the filter takes `item`. What a filter cannot answer it does not take.
    pub fn accepts(&self, item: &Value, evaluator: &Evaluator<'_>) -> Result<bool, PathError> {
        match holds(&self.0, item, evaluator) {
            Err(error) if error.is_invalid_path() => Ok(false),
            other => other,
        }
    }
}

fn holds(expression: &Expression, item: &Value, evaluator: &Evaluator<'_>) -> Result<bool, PathError> {
    match expression {
        Expression::Or(chain) => {
            for part in chain {
                if holds(part, item, evaluator)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Expression::And(chain) => {
            for part in chain {
                if !holds(part, item, evaluator)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Expression::Not(inner) => holds(inner, item, evaluator).map(|holds| !holds),
        Expression::Exists(path, should_exist) => {
            // Even a path that begins with `$` asks about the item here.
            let found = match evaluator.requiring_properties().value_of(path, item) {
                Ok(_) => true,
                Err(PathError::NotFound(_)) => false,
                Err(other) => return Err(other),
            };
            Ok(found == *should_exist)
        }
        Expression::Relation(left, operator, right) => {
            let left = node(left, item, evaluator)?;
            let right = node(right, item, evaluator)?;
            relation(&left, *operator, &right)
        }
    }
}

fn node<'a>(operand: &'a Operand, item: &'a Value, evaluator: &Evaluator<'a>) -> Result<Node<'a>, PathError> {
    Ok(match operand {
        Operand::Path(path) => path_node(path, item, evaluator)?,
        Operand::Null => Node::Null,
        Operand::Boolean(value) => Node::Boolean(*value),
        Operand::Number(number) => Node::Number(number.clone()),
        Operand::Text(text) => Node::Text(Cow::Borrowed(text)),
        Operand::Pattern(pattern) => Node::Pattern(pattern),
        Operand::Json(literal) => Node::Literal(Cow::Borrowed(literal)),
    })
}

fn path_node<'a>(path: &'a Path, item: &'a Value, evaluator: &Evaluator<'a>) -> Result<Node<'a>, PathError> {
    let value =
        if path.root == '$' { evaluator.cow_of(path, evaluator.root) } else { evaluator.cow_of(path, item) };
    match value {
        Ok(value) => Ok(Node::of(value)),
        Err(PathError::NotFound(_)) => Ok(Node::Undefined),
        Err(other) => Err(other),
    }
}

fn relation(left: &Node<'_>, operator: Operator, right: &Node<'_>) -> Result<bool, PathError> {
    use std::cmp::Ordering::{Equal, Greater, Less};

    let order = || left.order(right);
    Ok(match operator {
        Operator::Equal => left.is_equal(right)?,
        Operator::NotEqual => !left.is_equal(right)?,
        Operator::TypeSafeEqual => left.is_same_class(right) && left.is_equal(right)?,
        Operator::TypeSafeNotEqual => !(left.is_same_class(right) && left.is_equal(right)?),
        Operator::Less => order() == Some(Less),
        Operator::LessOrEqual => matches!(order(), Some(Less | Equal)),
        Operator::Greater => order() == Some(Greater),
        Operator::GreaterOrEqual => matches!(order(), Some(Greater | Equal)),
        Operator::Regex => regex(left, right)?,
        Operator::In => is_in(left, right)?,
        Operator::NotIn => !is_in(left, right)?,
        Operator::Contains => contains(left, right)?,
        Operator::Size => size(left, right)?,
        Operator::Empty => empty(left, right)?,
        Operator::SubsetOf => compare_lists(left, right, |left, right| {
            left.iter().all(|element| right.iter().any(|other| element.equals(other)))
        })?,
        Operator::AnyOf => compare_lists(left, right, have_common)?,
        Operator::NoneOf => compare_lists(left, right, |left, right| !have_common(left, right))?,
        Operator::Exists => match (left, right) {
            (Node::Boolean(left), Node::Boolean(right)) => left == right,
            (Node::Boolean(_), _) | (_, Node::Boolean(_)) => return Err(expected("boolean node")),
            _ => return Err(PathError::Evaluation(String::from("Failed to evaluate exists expression"))),
        },
        Operator::Unanswerable => return Err(expected("other node")),
    })
}

fn expected(what: &str) -> PathError {
    PathError::InvalidPath(format!("Expected {what}"))
}

fn regex(left: &Node<'_>, right: &Node<'_>) -> Result<bool, PathError> {
    let (pattern, input) = match (left, right) {
        (Node::Pattern(_), Node::Pattern(_)) => return Ok(false),
        (Node::Pattern(pattern), input) | (input, Node::Pattern(pattern)) => (pattern, input),
        _ => return Ok(false),
    };
    // A text that makes the expression run too long does not match.
    let matches = |input: &Node<'_>| pattern.is_match(&input.regex_input()).unwrap_or(false);
    match input.json()? {
        Some(Value::Array(_)) => Ok(input.elements()?.is_some_and(|elements| elements.iter().any(matches))),
        _ => Ok(matches(input)),
    }
}

fn is_in(left: &Node<'_>, right: &Node<'_>) -> Result<bool, PathError> {
    Ok(right.elements()?.is_some_and(|elements| elements.iter().any(|element| left.equals(element))))
}

fn contains(left: &Node<'_>, right: &Node<'_>) -> Result<bool, PathError> {
    if let (Node::Text(left), Node::Text(right)) = (left, right) {
        return Ok(left.contains(&**right));
    }
    match left.json()? {
        Some(Value::Array(_)) => is_in(right, left),
        _ => Ok(false),
    }
}

fn size(left: &Node<'_>, right: &Node<'_>) -> Result<bool, PathError> {
    let Node::Number(wanted) = right else { return Ok(false) };
    let length = match left {
        Node::Text(text) => text.encode_utf16().count(),
        _ => match left.json()? {
            Some(Value::Array(elements)) => elements.len(),
            Some(_) => return Ok(wanted.int_value() == Some(-1)),
            None => return Ok(false),
        },
    };
    Ok(wanted.int_value().and_then(|wanted| usize::try_from(wanted).ok()) == Some(length))
}

fn empty(left: &Node<'_>, right: &Node<'_>) -> Result<bool, PathError> {
    let is_empty = match left {
        Node::Text(text) => text.is_empty(),
        _ => match left.json()? {
            Some(Value::Array(elements)) => elements.is_empty(),
            Some(Value::Object(members)) => members.is_empty(),
            Some(_) => true,
            None => return Ok(false),
        },
    };
    match right {
        Node::Boolean(wanted) => Ok(is_empty == *wanted),
        _ => Err(expected("boolean node")),
    }
}

fn compare_lists(
    left: &Node<'_>,
    right: &Node<'_>,
    holds: impl Fn(&[Node<'_>], &[Node<'_>]) -> bool,
) -> Result<bool, PathError> {
    let Some(right) = right.elements()? else { return Ok(false) };
    let Some(left) = left.elements()? else { return Ok(false) };
    Ok(holds(&left, &right))
}

fn have_common(left: &[Node<'_>], right: &[Node<'_>]) -> bool {
    left.iter().any(|element| right.iter().any(|other| element.equals(other)))
}
