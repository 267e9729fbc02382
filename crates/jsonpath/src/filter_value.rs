//! Values as filters compare them: Jayway's value nodes, with their loose equality.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::Value;

use crate::{compile::compile_nested, decimal::Decimal, error::PathError, filter::JsonLiteral, lenient_json};

/// A value in a comparison.
#[derive(Debug, Clone)]
pub(crate) enum Node<'a> {
    /// What a path gives that leads nowhere; equal to nothing, itself included.
    Undefined,
    Null,
    Boolean(bool),
    Number(Decimal),
    Text(Cow<'a, str>),
    /// An object or array of the document.
    Parsed(Cow<'a, Value>),
    /// An object or array written in the path, or as text in a list.
    Literal(Cow<'a, JsonLiteral>),
    Pattern(&'a fancy_regex::Regex),
    /// A text in a list that reads as a path: equal to nothing.
    Path,
}

impl<'a> Node<'a> {
    /// A value that a path led to.
    pub fn of(value: Cow<'a, Value>) -> Self {
        match value {
            Cow::Borrowed(Value::String(text)) => Self::Text(Cow::Borrowed(text)),
            Cow::Owned(Value::String(text)) => Self::Text(Cow::Owned(text)),
            other => match &*other {
                Value::Null => Self::Null,
                Value::Bool(value) => Self::Boolean(*value),
                Value::Number(number) => Self::Number(Decimal::of(number)),
                _ => Self::Parsed(other),
            },
        }
    }

    /// An element of a list. Texts are looked at again here: one in quotes loses them, one that reads as JSON or as a
    /// path is taken for that. Objects and arrays cannot be elements.
    fn of_element(value: &'a Value) -> Result<Self, PathError> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => Self::Number(Decimal::of(number)),
            Value::String(text) => Self::of_element_text(text),
            Value::Array(_) | Value::Object(_) => {
                return Err(PathError::Evaluation(String::from("Could not determine value type")));
            }
        })
    }

    fn of_element_text(text: &'a str) -> Self {
        let trimmed = text.trim();
        if trimmed.starts_with(['$', '@']) && compile_nested(trimmed, 0).is_ok() {
            return Self::Path;
        }
        let wrapped =
            |open, close| trimmed.len() > 1 && trimmed.starts_with(open) && trimmed.ends_with(close);
        if wrapped('[', ']') || wrapped('{', '}') {
            let value = lenient_json::parse(trimmed);
            if value.is_ok() {
                return Self::Literal(Cow::Owned(JsonLiteral { text: text.to_owned(), value }));
            }
        }
        let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        let inner = if quoted('\'') || quoted('"') { &text[1..text.len() - 1] } else { text };
        match crate::cursor::unescape(inner) {
            Ok(unescaped) if unescaped != inner => Self::Text(Cow::Owned(unescaped)),
            _ => Self::Text(Cow::Borrowed(inner)),
        }
    }

    /// Jayway's `equals`: numbers and texts meet halfway, each side in its own way.
    pub fn equals(&self, other: &Node<'_>) -> bool {
        match (self, other) {
            (Self::Null, Node::Null) => true,
            (Self::Boolean(left), Node::Boolean(right)) => left == right,
            (Self::Number(left), Node::Number(right)) => left.compare(right) == Ordering::Equal,
            (Self::Number(left), Node::Text(right)) => {
                Decimal::parse(right).is_some_and(|right| left.compare(&right) == Ordering::Equal)
            }
            (Self::Text(left), Node::Text(right)) => left == right,
            (Self::Text(left), Node::Number(right)) => **left == right.to_string(),
            (Self::Parsed(left), Node::Parsed(right)) => left == right,
            (Self::Literal(left), Node::Literal(right)) => left.text == right.text,
            _ => false,
        }
    }

    /// `==` as an operator: a literal on the right is parsed first, one on the left is a text and equals nothing.
    pub fn is_equal(&self, other: &Node<'_>) -> Result<bool, PathError> {
        match (self, other) {
            (Self::Parsed(left), Node::Literal(right)) => Ok(**left == *parsed(right)?),
            (Self::Literal(_), Node::Literal(_) | Node::Parsed(_)) => Ok(false),
            _ => Ok(self.equals(other)),
        }
    }

    pub fn is_same_class(&self, other: &Node<'_>) -> bool {
        let class = |node: &Node<'_>| match node {
            Node::Undefined => 0,
            Node::Null => 1,
            Node::Boolean(_) => 2,
            Node::Number(_) => 3,
            Node::Text(_) => 4,
            Node::Parsed(_) | Node::Literal(_) => 5,
            Node::Pattern(_) => 6,
            Node::Path => 7,
        };
        class(self) == class(other)
    }

    /// How two numbers or two texts compare. `None` for all else, a number beside a text included.
    pub fn order(&self, other: &Node<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(left), Node::Number(right)) => Some(left.compare(right)),
            (Self::Text(left), Node::Text(right)) => Some(java_order(left, right)),
            _ => None,
        }
    }

    /// The JSON value of an object or array.
    pub fn json(&self) -> Result<Option<&Value>, PathError> {
        match self {
            Self::Parsed(value) => Ok(Some(value)),
            Self::Literal(literal) => parsed(literal).map(Some),
            _ => Ok(None),
        }
    }

    /// The elements of an array; `None` for an object; an error (that a filter takes for "no") for all else.
    pub fn elements(&self) -> Result<Option<Vec<Node<'_>>>, PathError> {
        match self.json()? {
            Some(Value::Array(elements)) => {
                elements.iter().map(Node::of_element).collect::<Result<_, _>>().map(Some)
            }
            Some(_) => Ok(None),
            None => Err(PathError::InvalidPath(String::from("Expected value list node"))),
        }
    }

    /// What a regular expression sees of this value.
    pub fn regex_input(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            _ => Cow::Borrowed(""),
        }
    }
}

fn parsed(literal: &JsonLiteral) -> Result<&Value, PathError> {
    literal.value.as_ref().map_err(|message| PathError::Evaluation(message.clone()))
}

/// Java compares texts by their UTF-16 units.
fn java_order(left: &str, right: &str) -> Ordering {
    left.encode_utf16().cmp(right.encode_utf16())
}
