//! Retry and Catch.

use serde_json::Value;

use super::{
    Catcher, Handlers, Retrier,
    fields::{Fields, Findings},
    machine::Targets,
};

/// Reads both from a state's fields.
pub(super) fn parse(fields: &mut Fields<'_, '_>, targets: &Targets<'_>) -> Handlers {
    let mut handlers = Handlers::default();
    each(fields, "Retry", |item| handlers.retry.extend(retrier(item)));
    each(fields, "Catch", |item| handlers.catch.extend(catcher(item, targets)));
    handlers
}

fn each(fields: &mut Fields<'_, '_>, name: &str, mut read: impl FnMut(&mut Fields<'_, '_>)) {
    let Some(items) = fields.array(name) else { return };
    let base = fields.at(name);
    let count = items.len();
    for (index, item) in items.iter().enumerate() {
        let location = format!("{base}[{index}]");
        let jsonata = fields.jsonata;
        let findings: &mut Findings = fields.findings;
        match item {
            Value::Object(members) => {
                let mut item = Fields { members, location, findings, jsonata };
                read(&mut item);
                let all = |error: &Value| error.as_str() == Some("States.ALL");
                let errors = members.get("ErrorEquals").and_then(Value::as_array);
                if errors
                    .is_some_and(|errors| errors.iter().any(all) && (errors.len() > 1 || index + 1 < count))
                {
                    item.wrong("ErrorEquals", "States.ALL must appear alone and at end of list");
                }
            }
            other => {
                findings.schema(
                    location,
                    format!("Expected value of type OBJECT but was {}", crate::template::kind(other)),
                );
            }
        }
    }
}

fn error_equals(fields: &mut Fields<'_, '_>) -> Option<Vec<String>> {
    if !fields.required(&["ErrorEquals"]) {
        return None;
    }
    let errors = fields.array("ErrorEquals")?;
    if errors.is_empty() {
        fields.wrong("ErrorEquals", "Value cannot be empty");
        return None;
    }
    let names: Option<Vec<_>> = errors.iter().map(|error| error.as_str().map(str::to_owned)).collect();
    if names.is_none() {
        fields.wrong("ErrorEquals", "Expected value of type STRING");
    }
    names
}

fn retrier(fields: &mut Fields<'_, '_>) -> Option<Retrier> {
    const KNOWN: &[&str] = &[
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
    ];
    fields.only(&[KNOWN]);
    let full_jitter = match fields.string("JitterStrategy") {
        Some("FULL") => true,
        None | Some("NONE") => false,
        Some(_) => {
            fields.wrong("JitterStrategy", "Value must be one of [FULL, NONE]");
            false
        }
    };
    let attempts = fields.whole("MaxAttempts", 0);
    if attempts.is_some_and(|attempts| attempts > 99_999_999) {
        fields.wrong("MaxAttempts", "Value is higher than the maximum allowed value 99999999");
    }
    let interval = fields.whole("IntervalSeconds", 1);
    fields.at_most("IntervalSeconds", 99_999_999);
    fields.at_most("MaxDelaySeconds", 31_622_400);
    let most = fields.members.get("MaxDelaySeconds").and_then(Value::as_u64);
    if most.is_some_and(|most| most <= interval.unwrap_or(1) && most > 0) {
        fields.wrong("MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds");
    }
    Some(Retrier {
        error_equals: error_equals(fields)?,
        interval_seconds: interval.unwrap_or(1),
        max_attempts: attempts.and_then(|attempts| u32::try_from(attempts).ok()).unwrap_or(3),
        backoff_rate: fields.float("BackoffRate", 1.0).unwrap_or(2.0),
        max_delay_seconds: fields.whole("MaxDelaySeconds", 1),
        full_jitter,
    })
}

fn catcher(fields: &mut Fields<'_, '_>, targets: &Targets<'_>) -> Option<Catcher> {
    let own: &[&str] = if fields.jsonata { &["Output"] } else { &["ResultPath"] };
    fields.only(&[&["ErrorEquals", "Next", "Assign"], own]);
    let error_equals = error_equals(fields);
    let next = targets.required(fields, "Next");
    let (result_path, assign, output) = (fields.result_path(), fields.assign(), fields.template("Output"));
    Some(Catcher { error_equals: error_equals?, next: next?, result_path, output, assign })
}
