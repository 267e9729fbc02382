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
    template::Template,
    time::Timestamp,
};

const ANY: &[&str] = &["Type", "QueryLanguage"];
const TRANSITION: &[&str] = &["Next", "End", "Assign"];
const HANDLERS: &[&str] = &["Retry", "Catch"];
const NONE: &[&str] = &[];

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
    query_language(fields, compiler.jsonata);
    let type_name = fields.string("Type")?;
    let Some(known) = known_fields(type_name, fields.jsonata) else {
        const TYPES: &str = "[Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]";
        fields.wrong("Type", format!("The field 'Type' should have one of these values: {TYPES}"));
        return None;
    };
    fields.only(&known);
    // Where the states of a type always end, or choose for themselves, there is no transition to read.
    let next = match type_name {
        "Choice" | "Succeed" | "Fail" => Some(Next::End),
        _ => targets.next(fields),
    };
    let kind = kind(compiler, type_name, fields, targets);
    let flow = flow(fields, matches!(kind, Some(StateKind::Map(_))));
    let has_result =
        matches!(kind, Some(StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_)));
    for (name, template) in [("Output", &flow.output), ("Assign", &flow.assign)] {
        fields.forbid(name, template.as_ref(), "errorOutput");
        if !has_result {
            fields.forbid(name, template.as_ref(), "result");
        }
    }
    Some(State { name: name.into(), next: next?, flow, kind: kind? })
}

/// The fields of a type's states; `None` if there is no such type.
fn known_fields(type_name: &str, jsonata: bool) -> Option<Vec<&'static [&'static str]>> {
    let by_language =
        |path: &'static [&'static str], query: &'static [&'static str]| if jsonata { query } else { path };
    let paths = by_language(&["InputPath", "OutputPath"], &["Output"]);
    let result = by_language(&["Parameters", "ResultSelector", "ResultPath"], &["Arguments"]);
    Some(match type_name {
        "Pass" => vec![ANY, paths, TRANSITION, by_language(&["Parameters", "ResultPath", "Result"], NONE)],
        "Task" => {
            let by_path = by_language(task::PATHS, NONE);
            vec![ANY, paths, TRANSITION, result, HANDLERS, task::FIELDS, by_path]
        }
        "Choice" => vec![ANY, paths, &["Choices", "Default", "Assign"]],
        "Wait" => vec![ANY, paths, TRANSITION, by_language(WAIT, &["Seconds", "Timestamp"])],
        "Succeed" => vec![ANY, paths],
        "Fail" => vec![ANY, &["Error", "Cause"], by_language(&["ErrorPath", "CausePath"], NONE)],
        "Parallel" => vec![ANY, paths, TRANSITION, result, HANDLERS, &["Branches"]],
        "Map" => {
            let result = by_language(&["Parameters", "ResultSelector", "ResultPath"], NONE);
            let own = by_language(map::PATHS, map::QUERIES);
            vec![ANY, paths, TRANSITION, result, HANDLERS, map::FIELDS, own]
        }
        _ => return None,
    })
}

/// What only states of its type have.
fn kind(
    compiler: &mut Compiler,
    type_name: &str,
    fields: &mut Fields<'_, '_>,
    targets: &Targets<'_>,
) -> Option<StateKind> {
    match type_name {
        "Pass" => Some(StateKind::Pass { result: fields.members.get("Result").cloned().map(Payload::new) }),
        "Task" => task::parse(compiler, fields, targets).map(Box::new).map(StateKind::Task),
        "Choice" => choice(fields, targets),
        "Wait" => wait(fields).map(StateKind::Wait),
        "Succeed" => Some(StateKind::Succeed),
        "Fail" => Some(StateKind::Fail {
            error: fail_text(fields, "Error", "ErrorPath"),
            cause: fail_text(fields, "Cause", "CausePath"),
        }),
        "Parallel" => {
            let handlers = handlers::parse(fields, targets);
            branches(compiler, fields).map(|branches| StateKind::Parallel { branches, handlers })
        }
        "Map" => map::parse(compiler, fields, targets).map(Box::new).map(StateKind::Map),
        _ => None,
    }
}

/// What all states share. The Parameters of a Map are its ItemSelector.
fn flow(fields: &mut Fields<'_, '_>, map: bool) -> Flow {
    Flow {
        input_path: fields.selection("InputPath"),
        parameters: if map {
            None
        } else {
            fields.template(if fields.jsonata { "Arguments" } else { "Parameters" })
        },
        result_selector: fields.template("ResultSelector"),
        result_path: fields.result_path(),
        output_path: fields.selection("OutputPath"),
        output: if fields.jsonata { fields.template("Output") } else { None },
        jsonata: fields.jsonata,
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
    if fields.jsonata {
        let query = |fields: &Fields<'_, '_>, name: &str| {
            fields.members.get(name).and_then(Value::as_str).is_some_and(|text| text.starts_with("{%"))
        };
        if query(fields, "Seconds") {
            return fields.query("Seconds").map(WaitFor::SecondsQuery);
        }
        if query(fields, "Timestamp") {
            return fields.query("Timestamp").map(WaitFor::TimestampQuery);
        }
    }
    fields.at_most("Seconds", 99_999_999);
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
    let seconds = fields.reference("SecondsPath").map(WaitFor::SecondsPath);
    seconds.or_else(|| fields.reference("TimestampPath").map(WaitFor::TimestampPath))
}

fn fail_text(fields: &mut Fields<'_, '_>, literal: &'static str, by_path: &'static str) -> FailText {
    fields.either(&[literal, by_path]);
    if let Some(text) = fields.string(literal) {
        return match fields.template(literal) {
            Some(Template::Query(query)) if fields.jsonata => FailText::Query(query),
            _ => FailText::Literal(text.to_owned()),
        };
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
        let jsonata = fields.jsonata;
        let findings: &mut Findings = fields.findings;
        let mut branch = Fields { members, location, findings, jsonata };
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
        let mut item = Fields { members, location, findings: fields.findings, jsonata: fields.jsonata };
        let next = targets.required(&mut item, "Next");
        let assign = item.assign();
        let output = if item.jsonata { item.template("Output") } else { None };
        let rule = if item.jsonata { condition(&mut item, index) } else { rule(&mut item, true) };
        if let (Some(rule), Some(next)) = (rule, next) {
            choices.push(Choice { rule, next, output, assign });
        }
    }
    (choices.len() == items.len()).then_some(StateKind::Choice { choices, default })
}

/// Compiles the condition of a choice whose query language is JSONata.
fn condition(fields: &mut Fields<'_, '_>, index: usize) -> Option<Rule> {
    fields.only(&[&["Condition", "Next", "Assign", "Output"]]);
    if !fields.required(&["Condition"]) {
        return None;
    }
    if let Some(Value::Bool(always)) = fields.members.get("Condition") {
        return Some(Rule::Always(*always));
    }
    let mut query = fields.query("Condition")?;
    query.field = format!("Choices[{index}]/Condition");
    Some(Rule::Query(query))
}

/// Compiles a rule; only the outermost has Next and Assign.
fn rule(fields: &mut Fields<'_, '_>, outermost: bool) -> Option<Rule> {
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
            let mut inner = Fields { members, location, findings: fields.findings, jsonata: fields.jsonata };
            rule(&mut inner, false).map(|rule| Rule::Not(Box::new(rule)))
        }
        "And" | "Or" => {
            let items = fields.array(operator)?;
            if items.is_empty() {
                fields.wrong(operator, "Value cannot be empty");
            }
            let base = fields.at(operator);
            let rules = items.iter().enumerate().map(|(index, item)| {
                let location = format!("{base}[{index}]");
                let mut inner = Fields {
                    members: item.as_object()?,
                    location,
                    findings: fields.findings,
                    jsonata: fields.jsonata,
                };
                rule(&mut inner, false)
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
