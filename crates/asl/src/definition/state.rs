//! One state, and the types that need no file of their own.

use serde_json::Value;

use super::{
    Choice, FailText, Flow, Next, State, StateKind, WaitFor,
    fields::{Fields, Findings},
    handlers,
    machine::{Compiler, Targets, query_language},
    map, task,
};
use crate::{
    choice::{Rule, Test},
    intrinsic::Expression,
    path::Path,
    payload::Payload,
    time::Timestamp,
};

const ANY: &[&str] = &["Type", "QueryLanguage"];
const PATHS: &[&str] = &["InputPath", "OutputPath"];
const TRANSITION: &[&str] = &["Next", "End", "Assign"];
/// Fields of states that make a result.
pub(super) const RESULT: &[&str] = &["Parameters", "ResultSelector", "ResultPath"];
pub(super) const HANDLERS: &[&str] = &["Retry", "Catch"];

/// Compiles a state.
pub(super) fn parse(
    compiler: &mut Compiler,
    name: &str,
    fields: &mut Fields<'_, '_>,
    targets: &Targets<'_>,
) -> Option<State> {
    if !fields.required(&["Type"]) {
        return None;
    }
    query_language(fields);
    let (kind, next) = match fields.string("Type")? {
        "Pass" => {
            fields.only(&[ANY, PATHS, TRANSITION, &["Parameters", "ResultPath", "Result"]]);
            let result = fields.members.get("Result").cloned().map(Payload::new);
            (Some(StateKind::Pass { result }), targets.next(fields))
        }
        "Task" => {
            fields.only(&[ANY, PATHS, TRANSITION, RESULT, HANDLERS, task::FIELDS]);
            let next = targets.next(fields);
            (task::parse(compiler, fields, targets).map(Box::new).map(StateKind::Task), next)
        }
        "Choice" => {
            fields.only(&[ANY, PATHS, &["Choices", "Default", "Assign"]]);
            (choice(fields, targets), Some(Next::End))
        }
        "Wait" => {
            fields.only(&[ANY, PATHS, TRANSITION, WAIT]);
            let next = targets.next(fields);
            (wait(fields).map(StateKind::Wait), next)
        }
        "Succeed" => {
            fields.only(&[ANY, PATHS]);
            (Some(StateKind::Succeed), Some(Next::End))
        }
        "Fail" => {
            fields.only(&[ANY, &["Error", "ErrorPath", "Cause", "CausePath"]]);
            let error = fail_text(fields, "Error", "ErrorPath");
            let cause = fail_text(fields, "Cause", "CausePath");
            (Some(StateKind::Fail { error, cause }), Some(Next::End))
        }
        "Parallel" => {
            fields.only(&[ANY, PATHS, TRANSITION, RESULT, HANDLERS, &["Branches"]]);
            let next = targets.next(fields);
            let handlers = handlers::parse(fields, targets);
            (branches(compiler, fields).map(|branches| StateKind::Parallel { branches, handlers }), next)
        }
        "Map" => {
            fields.only(&[ANY, PATHS, TRANSITION, RESULT, HANDLERS, map::FIELDS]);
            let next = targets.next(fields);
            (map::parse(compiler, fields, targets).map(Box::new).map(StateKind::Map), next)
        }
        _ => {
            const TYPES: &str = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]";
            fields.wrong("Type", format!("The field 'Type' should have one of these values: {TYPES}"));
            return None;
        }
    };
    let flow = flow(fields, matches!(kind, Some(StateKind::Map(_))));
    Some(State { name: name.into(), next: next?, flow, kind: kind? })
}

/// What all states share. The Parameters of a Map are its ItemSelector.
fn flow(fields: &mut Fields<'_, '_>, map: bool) -> Flow {
    Flow {
        input_path: fields.selection("InputPath"),
        parameters: if map { None } else { fields.template("Parameters") },
        result_selector: fields.template("ResultSelector"),
        result_path: fields.result_path(),
        output_path: fields.selection("OutputPath"),
        assign: fields.assign(),
    }
}

const WAIT: &[&str] = &["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];

fn wait(fields: &mut Fields<'_, '_>) -> Option<WaitFor> {
    fields.either(WAIT);
    if !WAIT.iter().any(|name| fields.members.contains_key(*name)) {
        let location = fields.location.clone();
        fields.findings.schema(location, format!("One of these fields is required: [{}]", WAIT.join(", ")));
    }
    if let Some(seconds) = fields.whole("Seconds", 0) {
        return Some(WaitFor::Seconds(seconds));
    }
    if let Some(text) = fields.string("Timestamp") {
        let at = Timestamp::parse(text);
        if at.is_none() {
            fields.wrong("Timestamp", "String does not match RFC3339 timestamp");
        }
        return at.map(WaitFor::Timestamp);
    }
    let seconds = fields.path("SecondsPath").map(WaitFor::SecondsPath);
    seconds.or_else(|| fields.path("TimestampPath").map(WaitFor::TimestampPath))
}

fn fail_text(fields: &mut Fields<'_, '_>, literal: &'static str, by_path: &'static str) -> FailText {
    fields.either(&[literal, by_path]);
    if let Some(text) = fields.string(literal) {
        return FailText::Literal(text.to_owned());
    }
    match fields.string(by_path).map(Expression::parse) {
        None => FailText::Absent,
        Some(Ok(expression)) => FailText::Computed(by_path, expression),
        Some(Err(_)) => {
            fields.wrong(by_path, "Value is not a valid JSONPath or intrinsic function call");
            FailText::Absent
        }
    }
}

fn branches(compiler: &mut Compiler, fields: &mut Fields<'_, '_>) -> Option<Vec<usize>> {
    if !fields.required(&["Branches"]) {
        return None;
    }
    let items = fields.array("Branches")?;
    if items.is_empty() {
        fields.wrong("Branches", "Value cannot be empty");
        return None;
    }
    let base = fields.at("Branches");
    let mut places = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let location = format!("{base}[{index}]");
        let Value::Object(members) = item else {
            fields.findings.schema(location, "Expected value of type OBJECT");
            continue;
        };
        let findings: &mut Findings = fields.findings;
        let mut branch = Fields { members, location, findings };
        branch.only(&[&["StartAt", "States"]]);
        places.extend(compiler.nested(&mut branch));
    }
    (places.len() == items.len()).then_some(places)
}

fn choice(fields: &mut Fields<'_, '_>, targets: &Targets<'_>) -> Option<StateKind> {
    let default = targets.optional(fields, "Default");
    if !fields.required(&["Choices"]) {
        return None;
    }
    let items = fields.array("Choices")?;
    if items.is_empty() {
        fields.wrong("Choices", "Value cannot be empty");
    }
    let base = fields.at("Choices");
    let mut choices = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let location = format!("{base}[{index}]");
        let Value::Object(members) = item else {
            fields.findings.schema(location, "Expected value of type OBJECT");
            continue;
        };
        let mut item = Fields { members, location, findings: fields.findings };
        let next = targets.required(&mut item, "Next");
        let assign = item.assign();
        let rule = rule(&mut item, true, 0);
        if let (Some(rule), Some(next)) = (rule, next) {
            choices.push(Choice { rule, next, assign });
        }
    }
    (choices.len() == items.len()).then_some(StateKind::Choice { choices, default })
}

/// Compiles a rule; only the outermost has Next and Assign.
fn rule(fields: &mut Fields<'_, '_>, outermost: bool, depth: usize) -> Option<Rule> {
    let reserved = |name: &str| {
        name == "Comment" || name == "Variable" || outermost && matches!(name, "Next" | "Assign")
    };
    let operators: Vec<_> = fields.members.iter().filter(|(name, _)| !reserved(name)).collect();
    let [(operator, operand)] = operators[..] else {
        let location = fields.location.clone();
        fields.findings.schema(location, "A Choice rule must have exactly one comparison operator");
        return None;
    };
    match operator.as_str() {
        "Not" => {
            let members = fields.object("Not")?;
            let location = fields.at("Not");
            let mut inner = Fields { members, location, findings: fields.findings };
            rule(&mut inner, false, depth + 1).map(|rule| Rule::Not(Box::new(rule)))
        }
        "And" | "Or" => {
            let items = fields.array(operator)?;
            if items.is_empty() {
                fields.wrong(operator, "Value cannot be empty");
            }
            let base = fields.at(operator);
            let rules = items.iter().enumerate().map(|(index, item)| {
                let location = format!("{base}[{index}]");
                let mut inner = Fields { members: item.as_object()?, location, findings: fields.findings };
                rule(&mut inner, false, depth + 1)
            });
            let rules: Vec<_> = rules.collect();
            let rules: Option<Vec<_>> = rules.into_iter().collect();
            if rules.is_none() && items.iter().any(|item| !item.is_object()) {
                fields.wrong(operator, "Expected value of type OBJECT");
            }
            rules.map(if operator == "And" { Rule::And } else { Rule::Or })
        }
        _ => comparison(fields, operator, operand),
    }
}

fn comparison(fields: &mut Fields<'_, '_>, operator: &str, operand: &Value) -> Option<Rule> {
    let variable: Option<Path> = if fields.required(&["Variable"]) { fields.path("Variable") } else { None };
    match Test::parse(operator, operand) {
        Some(Ok(test)) => variable.map(|variable| Rule::Test { variable, test }),
        Some(Err(message)) => {
            fields.wrong(operator, message);
            None
        }
        None => {
            fields.wrong(operator, "Field is not supported");
            None
        }
    }
}
