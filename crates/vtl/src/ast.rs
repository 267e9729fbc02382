//! What a template is made of, once parsed.

use std::sync::Arc;

/// A sequence of nodes: a whole template, or what stands between a directive and its `#end`.
#[derive(Debug, Default)]
pub(crate) struct Block(pub Vec<Node>);

#[derive(Debug)]
pub(crate) enum Node {
    Text(String),
    Reference(Reference),
    Set(Reference, Expression),
    If(Vec<(Expression, Block)>, Option<Block>),
    Foreach { variable: String, over: Expression, body: Block },
    Define(String, Arc<Block>),
    Break,
    Stop,
}

/// `$a.b("c")[0]`, with what is printed should it be escaped.
#[derive(Debug)]
pub(crate) struct Reference {
    pub name: String,
    pub parts: Vec<Part>,
    /// As written, without backslashes.
    pub source: String,
    /// How many backslashes stood before it.
    pub backslashes: usize,
}

#[derive(Debug)]
pub(crate) enum Part {
    Property(String),
    Method(String, Vec<Expression>),
    Index(Expression),
}

#[derive(Debug)]
pub(crate) enum Expression {
    Boolean(bool),
    Integer(i128),
    Double(f64),
    Text(Arc<str>),
    /// A text in double quotes with references or directives in it.
    Interpolated(Block),
    List(Vec<Expression>),
    Range(Box<Expression>, Box<Expression>),
    Map(Vec<(Expression, Expression)>),
    Reference(Reference),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    Arithmetic(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}
