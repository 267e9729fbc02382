//! PURE. Event patterns: which events a rule of EventBridge or a subscription of SNS takes.
//!
//! A pattern is an object like the event; its leaves are lists of what a value may be. Knows no service. Start at
//! [`Pattern::parse`] and [`Pattern::matches`].

mod condition;
mod wildcard;

use serde_json::{Map, Value};

use condition::Condition;

/// How deep a pattern may be.
const MAX_DEPTH: usize = 64;

/// A pattern, compiled.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Node);

/// What is wrong with a pattern, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(pub String);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// All members must match; each group of alternatives (`$or`) with one of its patterns.
    Members { members: Vec<(String, Node)>, alternatives: Vec<Vec<Node>> },
    /// One of the conditions must hold.
    Leaf(Vec<Condition>),
}

impl Pattern {
    /// Compiles a pattern's text.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| PatternError(format!("Event pattern is not valid. Reason: {error}")))?;
        Self::of(&value)
    }

    /// Compiles a pattern.
    pub fn of(pattern: &Value) -> Result<Self, PatternError> {
        let Value::Object(members) = pattern else {
            return Err(reason("Filter is not an object"));
        };
        if members.is_empty() {
            return Err(reason("Empty objects are not allowed"));
        }
        object(members, 0).map(Self)
    }

    /// Whether an event is one of those that the pattern means.
    pub fn matches(&self, event: &Value) -> bool {
        node_matches(&self.0, Some(event))
    }
}

/// A problem in the words of EventBridge.
pub(crate) fn reason(text: impl std::fmt::Display) -> PatternError {
    PatternError(format!("Event pattern is not valid. Reason: {text}"))
}

fn object(members: &Map<String, Value>, depth: usize) -> Result<Node, PatternError> {
    if depth == MAX_DEPTH {
        return Err(reason("the pattern is nested too deeply"));
    }
    let mut compiled = Vec::with_capacity(members.len());
    let mut alternatives = Vec::new();
    for (name, value) in members {
        match value {
            Value::Array(items) if name == "$or" && items.len() > 1 && items.iter().all(Value::is_object) => {
                let nodes = items.iter().filter_map(Value::as_object).map(|item| object(item, depth + 1));
                alternatives.push(nodes.collect::<Result<_, _>>()?);
            }
            Value::Array(items) if items.is_empty() => {
                return Err(reason("Empty arrays are not allowed"));
            }
            Value::Array(items) => {
                let conditions = items.iter().map(Condition::of).collect::<Result<_, _>>()?;
                compiled.push((name.clone(), Node::Leaf(conditions)));
            }
            Value::Object(inner) if inner.is_empty() => {
                return Err(reason("Empty objects are not allowed"));
            }
            Value::Object(inner) => compiled.push((name.clone(), object(inner, depth + 1)?)),
            _ => return Err(reason(format!("\"{name}\" must be an object or an array"))),
        }
    }
    Ok(Node::Members { members: compiled, alternatives })
}

fn node_matches(node: &Node, value: Option<&Value>) -> bool {
    match node {
        Node::Members { members, alternatives } => {
            let one = |value: Option<&Value>| {
                members.iter().all(|(name, node)| node_matches(node, member(value, name)))
                    && alternatives.iter().all(|nodes| nodes.iter().any(|node| node_matches(node, value)))
            };
            match value {
                // Of a list of objects one must match.
                Some(Value::Array(items)) if !items.is_empty() => items.iter().any(|item| one(Some(item))),
                value => one(value),
            }
        }
        Node::Leaf(conditions) => conditions.iter().any(|condition| condition.holds(value)),
    }
}

/// A member by its name, which may have dots in it where the object is flat.
fn member<'v>(value: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    value?.as_object()?.get(name)
}

#[cfg(test)]
mod tests;
