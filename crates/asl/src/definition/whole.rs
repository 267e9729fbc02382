//! What is seen only when a definition is looked at as a whole, and what is right but hardly meant: AWS's warnings.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Machine, Next, StateKind,
    diagnostic::{Code, Diagnostic, Severity},
    fields::Findings,
};

/// How deep the JSON of a definition is looked at; machines nest less deeply.
const MAX_DEPTH: usize = 200;

/// Notes the states that share a name, and what looks like a path where none is read.
pub(super) fn check(definition: &Map<String, Value>, jsonata: bool, findings: &mut Findings) {
    let mut names = BTreeMap::new();
    machine(definition, "", jsonata, 0, &mut names, findings);
}

/// Notes that a machine never ends: no state of it is a last one.
pub(super) fn check_end(machine: &Machine, base: &str, findings: &mut Findings) {
    let ends = machine.states.iter().any(|state| match state.kind {
        StateKind::Succeed | StateKind::Fail { .. } => true,
        StateKind::Choice { .. } => false,
        StateKind::Pass { .. }
        | StateKind::Task(_)
        | StateKind::Wait(_)
        | StateKind::Parallel { .. }
        | StateKind::Map(_) => state.next == Next::End,
    });
    if !ends {
        findings.error(Code::MissingEndState, base, "The workflow does not have a terminal state");
    }
}

fn machine<'v>(
    members: &'v Map<String, Value>,
    at: &str,
    jsonata: bool,
    depth: usize,
    names: &mut BTreeMap<&'v str, String>,
    findings: &mut Findings,
) {
    let Some(Value::Object(states)) = members.get("States").filter(|_| depth < MAX_DEPTH) else { return };
    for (name, state) in states {
        let here = format!("{at}/States/{name}");
        if let Some(first) = names.get(name.as_str()) {
            let message = format!("Duplicate State name: {name} (it is also at {first})");
            findings.error(Code::DuplicateStateName, here.clone(), message);
        } else {
            names.insert(name, here.clone());
        }
        let Value::Object(fields) = state else { continue };
        let jsonata = match fields.get("QueryLanguage").and_then(Value::as_str) {
            Some(language) => language == "JSONata",
            None => jsonata,
        };
        if !jsonata {
            paths(fields, &here, findings);
        }
        let nested = fields.get("Branches").and_then(Value::as_array).into_iter().flatten().enumerate();
        let branches = nested.map(|(index, branch)| (branch, format!("{here}/Branches[{index}]")));
        let processors = ["ItemProcessor", "Iterator"].into_iter();
        let processors = processors.filter_map(|name| Some((fields.get(name)?, format!("{here}/{name}"))));
        for (inner, at) in branches.chain(processors) {
            if let Value::Object(inner) = inner {
                // The query language of a state is its own, not that of the states within it.
                machine(inner, &at, jsonata, depth + 1, names, findings);
            }
        }
    }
}

/// Notes values of a state that look like paths but are taken as they stand.
fn paths(fields: &Map<String, Value>, at: &str, findings: &mut Findings) {
    for name in ["Parameters", "ResultSelector", "ItemSelector", "Assign"] {
        if let Some(template) = fields.get(name) {
            in_template(template, &format!("{at}/{name}"), 0, findings);
        }
    }
    if fields.get("Type").and_then(Value::as_str) == Some("Fail") {
        for name in ["Error", "Cause"] {
            if fields.get(name).is_some_and(looks_like_path) {
                let message = format!(
                    "The value of '{name}' looks like a path; use '{name}Path' to read it from there"
                );
                warn(findings, Code::NoPath, format!("{at}/{name}"), message);
            }
        }
    }
    for (index, rule) in fields.get("Choices").and_then(Value::as_array).into_iter().flatten().enumerate() {
        in_rule(rule, &format!("{at}/Choices[{index}]"), 0, findings);
    }
    if let Some(result) = fields.get("Result").filter(|result| holds_path(result, 0)) {
        let what = if result.is_string() { "is" } else { "holds" };
        let message =
            format!("The Result of a Pass state is taken as it stands, but {what} what looks like a path");
        warn(findings, Code::PassResultIsStatic, format!("{at}/Result"), message);
    }
}

fn in_template(template: &Value, at: &str, depth: usize, findings: &mut Findings) {
    match template {
        _ if depth > MAX_DEPTH => {}
        Value::Object(members) => {
            for (name, value) in members {
                let here = format!("{at}/{name}");
                if looks_like_path(value) && !name.ends_with(".$") {
                    let message = format!(
                        "The value of '{name}' looks like a path or an intrinsic function, but the field's name does not end with '.$'"
                    );
                    warn(findings, Code::NoDollar, here, message);
                } else {
                    in_template(value, &here, depth + 1, findings);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                in_template(item, &format!("{at}[{index}]"), depth + 1, findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn in_rule(rule: &Value, at: &str, depth: usize, findings: &mut Findings) {
    let Some(members) = rule.as_object().filter(|_| depth < MAX_DEPTH) else { return };
    for (name, value) in members {
        let here = format!("{at}/{name}");
        match value {
            Value::Object(_) => in_rule(value, &here, depth + 1, findings),
            Value::Array(rules) => {
                for (index, rule) in rules.iter().enumerate() {
                    in_rule(rule, &format!("{here}[{index}]"), depth + 1, findings);
                }
            }
            _ if ["String", "Timestamp"].iter().any(|kind| name.starts_with(kind))
                && !name.ends_with("Path")
                && looks_like_path(value) =>
            {
                let message = format!(
                    "The value of '{name}' looks like a path; use '{name}Path' to read it from there"
                );
                warn(findings, Code::NoPath, here, message);
            }
            _ => {}
        }
    }
}

fn holds_path(value: &Value, depth: usize) -> bool {
    match value {
        _ if depth > MAX_DEPTH => false,
        Value::Object(members) => {
            members.iter().any(|(name, value)| name.ends_with(".$") || holds_path(value, depth + 1))
        }
        Value::Array(items) => items.iter().any(|item| holds_path(item, depth + 1)),
        other => looks_like_path(other),
    }
}

/// `$.a`, `$$.a`, `$[0]`, or the call of an intrinsic function.
fn looks_like_path(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let path = ["$.", "$$.", "$["].iter().any(|start| text.starts_with(start));
    path || text.starts_with("States.") && text.ends_with(')') && text.contains('(')
}

fn warn(findings: &mut Findings, code: Code, location: String, message: String) {
    findings.0.push(Diagnostic { severity: Severity::Warning, code, message, location: Some(location) });
}
