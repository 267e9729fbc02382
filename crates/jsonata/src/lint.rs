//! What Step Functions does not take, although the language has it.

use std::collections::BTreeSet;

use jlens_core::{Expression, Node, NodeKind, reads::Reads};

use crate::{CompileError, functions};

/// Checks an expression; answers the names of all variables and functions that stand in it.
pub(crate) fn check(expression: &Expression) -> Result<BTreeSet<String>, CompileError> {
    let mut names = BTreeSet::new();
    let mut refused = None;
    expression.ast().root.walk(&mut |node| match &node.kind {
        NodeKind::Variable { name } => {
            names.insert(name.clone());
        }
        // AWS's JSONata is of the level 2.0, which has neither.
        NodeKind::Fallback { .. } => refused = Some("The operators ?: and ?? are not supported"),
        _ => {}
    });
    if names.contains("eval") {
        refused = Some("The function $eval is not supported; use $parse");
    }
    // There is no input document: everything is reached through $states and variables.
    if reads_context(&expression.ast().root) {
        refused = Some(
            "The context ($, $$) and bare field names cannot be used at the top level; use $states.input",
        );
    }
    match refused {
        Some(message) => Err(CompileError::NotAllowed(message.to_owned())),
        None => Ok(names),
    }
}

/// The variables read from outside, without the functions that every expression has.
pub(crate) fn free_variables(reads: &Reads) -> Vec<String> {
    let built_in = |name: &str| {
        jlens_core::function_catalog().iter().any(|function| function.name.trim_start_matches('$') == name)
            || functions::NAMES.contains(&name)
    };
    reads.bindings().keys().filter(|name| !built_in(name)).cloned().collect()
}

/// Whether a node reads the context where there is none: outside of the later steps of a path, of predicates and of
/// functions, all of which bring one.
fn reads_context(node: &Node) -> bool {
    let either = |nodes: &[&Node]| nodes.iter().any(|node| reads_context(node));
    match &node.kind {
        NodeKind::Name { .. } | NodeKind::Wildcard | NodeKind::Descendant | NodeKind::Parent { .. } => true,
        NodeKind::Variable { name } => name.is_empty() || name == "$",
        NodeKind::Path { steps, .. } => steps.first().is_some_and(reads_context),
        NodeKind::Binary { lhs, rhs, .. }
        | NodeKind::Apply { lhs, rhs }
        | NodeKind::Fallback { lhs, rhs, .. } => either(&[lhs, rhs]),
        NodeKind::Bind { rhs, .. } => reads_context(rhs),
        NodeKind::Negate { expr } => reads_context(expr),
        NodeKind::Array { items } => items.iter().any(reads_context),
        NodeKind::Object { pairs } => pairs.iter().any(|(key, value)| either(&[key, value])),
        NodeKind::Condition { condition, then, otherwise } => {
            either(&[condition, then]) || otherwise.as_deref().is_some_and(reads_context)
        }
        NodeKind::Block { exprs, .. } => exprs.iter().any(reads_context),
        NodeKind::Function { procedure, args } | NodeKind::Partial { procedure, args } => {
            reads_context(procedure) || args.iter().any(reads_context)
        }
        _ => false,
    }
}
