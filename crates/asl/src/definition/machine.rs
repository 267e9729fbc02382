//! A machine: the outermost one, a branch, an item processor. And where their states lead.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Definition, Machine, Next, State,
    diagnostic::{Code, Diagnostic, Severity},
    fields::{Fields, Findings},
    reachability, state, whole,
};

/// What is needed to compile a machine and everything in it.
pub(super) struct Compiler {
    pub(super) machines: Vec<Machine>,
    pub(super) express: bool,
    /// Whether the query language of the definition is JSONata; a state may have its own.
    pub(super) jsonata: bool,
    /// How many machines enclose the one being compiled.
    pub(super) depth: usize,
}

/// How deep machines may be nested in each other.
const MAX_NESTING: usize = 50;

/// The states of the machine that is being compiled, by name.
pub(super) struct Targets<'a> {
    places: BTreeMap<&'a str, usize>,
}

impl Targets<'_> {
    /// The state that a field, which must be there, leads to.
    pub(super) fn required(&self, fields: &mut Fields<'_, '_>, name: &str) -> Option<usize> {
        if fields.required(&[name]) { self.optional(fields, name) } else { None }
    }

    /// The state that a field leads to.
    pub(super) fn optional(&self, fields: &mut Fields<'_, '_>, name: &str) -> Option<usize> {
        let target = fields.string(name)?;
        let place = self.places.get(target).copied();
        if place.is_none() {
            let location = fields.at(name);
            fields.findings.error(
                Code::MissingTransitionTarget,
                location,
                format!("Missing '{name}' target: {target}"),
            );
        }
        place
    }

    /// Where a state goes that must have either Next or End.
    pub(super) fn next(&self, fields: &mut Fields<'_, '_>) -> Option<Next> {
        let end = fields.boolean("End");
        match (fields.members.contains_key("Next"), end) {
            (true, Some(true)) => {
                fields.either(&["Next", "End"]);
                None
            }
            (true, _) => self.optional(fields, "Next").map(Next::State),
            (false, Some(true)) => Some(Next::End),
            (false, _) => {
                let location = fields.location.clone();
                fields.findings.schema(location, "These fields are required: [Next or End]");
                None
            }
        }
    }
}

/// Compiles a definition.
pub(super) fn parse(text: &str, express: bool) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut findings = Findings::default();
    let value = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(members)) => members,
        Err(error) if !text.trim().is_empty() => return (None, vec![invalid_json(text, &error)]),
        Ok(_) | Err(_) => return (None, vec![not_an_object()]),
    };
    let mut fields =
        Fields { members: &value, location: String::from("/"), findings: &mut findings, jsonata: false };
    let timeout_seconds = fields.whole("TimeoutSeconds", 1);
    fields.at_most("TimeoutSeconds", 99_999_999);
    if let Some(version) = fields.string("Version")
        && version != "1.0"
    {
        fields.wrong("Version", "Value must be 1.0");
    }
    query_language(&mut fields, false);
    fields.only(&[&["StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"]]);
    let mut compiler = Compiler { machines: Vec::new(), express, jsonata: fields.jsonata, depth: 0 };
    let machine = compiler.machine(&mut fields);
    whole::check(&value, compiler.jsonata, &mut findings);
    let definition = machine.map(|machine| {
        let mut machines = compiler.machines;
        machines.push(machine);
        Definition { machines, timeout_seconds }
    });
    let failed = findings.0.iter().any(|finding| finding.severity == Severity::Error);
    (definition.filter(|_| !failed), findings.0)
}

/// Reads the query language that holds from here on.
pub(super) fn query_language(fields: &mut Fields<'_, '_>, machine_is_jsonata: bool) {
    match fields.string("QueryLanguage") {
        None => {}
        Some("JSONPath") if machine_is_jsonata => fields.wrong(
            "QueryLanguage",
            "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
        ),
        Some("JSONPath") => fields.jsonata = false,
        Some("JSONata") => fields.jsonata = true,
        Some(_) => fields.wrong(
            "QueryLanguage",
            "The field 'QueryLanguage' should have one of these values: [JSONPath, JSONata]",
        ),
    }
}

impl Compiler {
    /// Compiles StartAt and States. What else an object of this kind may hold is its caller's to check.
    pub(super) fn machine(&mut self, fields: &mut Fields<'_, '_>) -> Option<Machine> {
        let complete = fields.required(&["States", "StartAt"]);
        let states = fields.object("States")?;
        if states.is_empty() {
            fields.wrong("States", "Value cannot be empty");
            return None;
        }
        if self.depth > MAX_NESTING {
            let location = fields.at("States");
            let message = format!("States cannot be nested deeper than {MAX_NESTING} levels");
            fields.findings.error(Code::TooDeeplyNested, location, message);
            return None;
        }
        let targets = Targets {
            places: states.keys().enumerate().map(|(place, name)| (name.as_str(), place)).collect(),
        };
        let start = targets.optional(fields, "StartAt");
        let base = fields.at("States");
        let compiled = self.states(states, &base, &targets, fields.findings);
        let machine = Machine { start: start?, states: compiled? };
        reachability::check(&machine, &base, fields.findings);
        whole::check_end(&machine, &base, fields.findings);
        complete.then_some(machine)
    }

    fn states(
        &mut self,
        states: &Map<String, Value>,
        base: &str,
        targets: &Targets<'_>,
        findings: &mut Findings,
    ) -> Option<Vec<State>> {
        let mut compiled = Vec::with_capacity(states.len());
        for (name, state) in states {
            let location = format!("{base}/{name}");
            if name.chars().count() > 80 || name.is_empty() {
                findings.error(
                    Code::InvalidStateName,
                    location.clone(),
                    "The length of a state's name must be between 1 and 80 characters",
                );
            }
            match state {
                Value::Object(members) => {
                    let mut fields = Fields { members, location, findings, jsonata: self.jsonata };
                    compiled.extend(state::parse(self, name, &mut fields, targets));
                }
                other => {
                    let kind = crate::template::kind(other);
                    findings.schema(location, format!("Expected value of type OBJECT but was {kind}"));
                }
            }
        }
        (compiled.len() == states.len()).then_some(compiled)
    }

    /// Compiles the machine of children that are executions of their own, of one type or the other.
    pub(super) fn nested_in(&mut self, fields: &mut Fields<'_, '_>, express: bool) -> Option<usize> {
        let outer = std::mem::replace(&mut self.express, express);
        let place = self.nested(fields);
        self.express = outer;
        place
    }

    /// Compiles a machine within another; answers its place.
    pub(super) fn nested(&mut self, fields: &mut Fields<'_, '_>) -> Option<usize> {
        self.depth += 1;
        let machine = self.machine(fields);
        self.depth -= 1;
        self.machines.push(machine?);
        Some(self.machines.len() - 1)
    }
}

fn not_an_object() -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code: Code::SchemaValidationFailed,
        message: String::from("Definition must be a valid JSON object"),
        location: None,
    }
}

/// In the words of the JSON reader AWS uses, as far as ours can tell.
fn invalid_json(text: &str, error: &serde_json::Error) -> Diagnostic {
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or("");
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let start = line
        .char_indices()
        .nth(error.column().saturating_sub(1))
        .map_or(line.len(), |(at, _)| line[..at].trim_end_matches(word).len());
    let token: String = line[start..].chars().take_while(|c| word(*c)).collect();
    let column = line[..start].chars().count() + token.chars().count() + 1;
    let shown: String = text.chars().take(500).collect();
    let location = format!("[Source: (String)\"{shown}\"; line: {}, column: {column}]", error.line());
    let what = if token.is_empty() {
        error.to_string()
    } else {
        format!(
            "Unrecognized token '{token}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        )
    };
    Diagnostic {
        severity: Severity::Error,
        code: Code::InvalidJson,
        message: format!("{what}\n at {location}"),
        location: Some(location),
    }
}
