//! JSON Schema draft 4, as far as API Gateway's models use it: compiled once for a deployment, then checked for each
//! body. What does not fit is told in the words of the validator that AWS uses.
//!
//! Knows nothing of requests. A schema is a table of nodes, so that references may go in circles; the number of steps
//! that one check may take is bounded.

mod check;
mod compile;
pub(crate) mod sample;

use std::collections::BTreeMap;

use fancy_regex::Regex;
use serde_json::{Number, Value};

pub(crate) use compile::{compile, referenced};

/// A model that bodies can be checked with.
#[derive(Debug)]
pub(crate) struct Schema {
    nodes: Vec<Node>,
    root: usize,
}

/// One (sub)schema. Numbers are places in the table of nodes.
#[derive(Debug, Default)]
struct Node {
    /// A reference stands for itself: draft 4 ignores what is beside it.
    reference: Option<usize>,
    types: Option<Vec<Kind>>,
    values: Option<Vec<Value>>,
    numbers: Numbers,
    lengths: Limits,
    pattern: Option<(String, Regex)>,
    items: Items,
    additional_items: Rest,
    item_count: Limits,
    unique: bool,
    properties: BTreeMap<String, usize>,
    patterns: Vec<(Regex, usize)>,
    additional_properties: Rest,
    required: Vec<String>,
    property_count: Limits,
    dependencies: BTreeMap<String, Dependency>,
    all_of: Vec<usize>,
    any_of: Vec<usize>,
    one_of: Vec<usize>,
    not: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Boolean,
    Integer,
    Null,
    Number,
    Object,
    String,
}

#[derive(Debug, Default)]
struct Numbers {
    multiple_of: Option<Number>,
    minimum: Option<Number>,
    maximum: Option<Number>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
}

#[derive(Debug, Default)]
struct Limits {
    least: Option<u64>,
    most: Option<u64>,
}

#[derive(Debug, Default)]
enum Items {
    #[default]
    Any,
    Each(usize),
    Tuple(Vec<usize>),
}

/// What is allowed beside what is named.
#[derive(Debug, Default)]
enum Rest {
    #[default]
    Any,
    None,
    Fits(usize),
}

#[derive(Debug)]
enum Dependency {
    Properties(Vec<String>),
    Schema(usize),
}

#[cfg(test)]
mod tests;
