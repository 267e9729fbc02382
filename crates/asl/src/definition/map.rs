//! Map states.

use super::{
    Map, distributed,
    fields::Fields,
    handlers, label,
    machine::{Compiler, Targets},
};

pub(super) const FIELDS: &[&str] = &[
    "ItemProcessor",
    "Iterator",
    "ItemSelector",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
    "ItemReader",
    "ItemBatcher",
    "ResultWriter",
    "Label",
];

pub(super) const PATHS: &[&str] =
    &["ItemsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"];
pub(super) const QUERIES: &[&str] = &["Items"];

/// Fields that only a Map in distributed mode has.
const DISTRIBUTED: &[&str] = &["ItemReader", "ItemBatcher", "ResultWriter", "Label"];

pub(super) fn parse(
    compiler: &mut Compiler,
    fields: &mut Fields<'_, '_>,
    targets: &Targets<'_>,
) -> Option<Map> {
    let handlers = handlers::parse(fields, targets);
    label::check(fields);
    fields.either(&["ItemProcessor", "Iterator"]);
    fields.either(&["ItemSelector", "Parameters"]);
    let name = if fields.members.contains_key("Iterator") { "Iterator" } else { "ItemProcessor" };
    if !fields.required(&[name]) {
        return None;
    }
    let members = fields.object(name)?;
    let mut processor =
        Fields { members, location: fields.at(name), findings: fields.findings, jsonata: fields.jsonata };
    processor.only(&[&["StartAt", "States", "ProcessorConfig"]]);
    let mode = mode(&mut processor);
    if mode.is_some() && compiler.express {
        processor.wrong(
            "ProcessorConfig",
            "Express state machine does not support Map state in the mode DISTRIBUTED",
        );
    }
    let place = compiler.nested_in(&mut processor, mode.unwrap_or(compiler.express));
    if mode.is_none() {
        for name in DISTRIBUTED.iter().filter(|name| fields.members.contains_key(**name)) {
            fields.wrong(name, format!("The field '{name}' is only supported in the mode DISTRIBUTED"));
        }
    }
    let distributed = mode.map(|express| Box::new(distributed::parse(fields, express)));
    let selector = if fields.members.contains_key("Parameters") { "Parameters" } else { "ItemSelector" };
    Some(Map {
        items_path: fields.path("ItemsPath"),
        items: if fields.jsonata { fields.template("Items") } else { None },
        item_selector: fields.template(selector),
        max_concurrency: fields.number("MaxConcurrency", 0),
        tolerated_failure_count: fields.number("ToleratedFailureCount", 0),
        tolerated_failure_percentage: percentage(fields),
        handlers,
        distributed,
        processor: place?,
    })
}

fn percentage(fields: &mut Fields<'_, '_>) -> Option<super::Number> {
    const NAME: &str = "ToleratedFailurePercentage";
    if fields.jsonata && fields.members.get(NAME).is_some_and(serde_json::Value::is_string) {
        return fields.query(NAME).map(super::Number::Query);
    }
    fields.either(&[NAME, "ToleratedFailurePercentagePath"]);
    let literal = fields.float(NAME, 0.0);
    if literal.is_some_and(|percentage| percentage > 100.0) {
        fields.wrong(NAME, "Value is higher than the maximum allowed value 100");
    }
    let by_path = || fields.path("ToleratedFailurePercentagePath").map(super::Number::Path);
    literal.map(super::Number::Literal).or_else(by_path)
}

/// The mode that ProcessorConfig says: `None` is INLINE, else whether the children are Express executions.
fn mode(fields: &mut Fields<'_, '_>) -> Option<bool> {
    let members = fields.object("ProcessorConfig")?;
    let mut config = Fields {
        members,
        location: fields.at("ProcessorConfig"),
        findings: fields.findings,
        jsonata: fields.jsonata,
    };
    config.only(&[&["Mode", "ExecutionType"]]);
    let express = match config.string("ExecutionType") {
        Some("EXPRESS") => true,
        None | Some("STANDARD") => false,
        Some(_) => {
            let message = "The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]";
            config.wrong("ExecutionType", message);
            false
        }
    };
    match config.string("Mode") {
        Some("DISTRIBUTED") => {
            config.required(&["ExecutionType"]);
            Some(express)
        }
        None | Some("INLINE") => None,
        Some(_) => {
            config.wrong("Mode", "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]");
            None
        }
    }
}
