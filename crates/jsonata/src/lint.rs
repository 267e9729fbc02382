//! What Step Functions does not take, although the language has it.

use std::collections::BTreeSet;

use jlens_core::{Expression, NodeKind, reads::Reads};

use crate::{CompileError, functions};

/// Checks an expression; answers the names of all variables and functions that stand in it.
pub(crate) fn check(expression: &Expression, reads: &Reads) -> Result<BTreeSet<String>, CompileError> {
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
    if reads.input().is_some() {
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
