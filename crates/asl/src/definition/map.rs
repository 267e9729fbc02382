//! Map states.

use super::{
    Map,
    diagnostic::Code,
    fields::Fields,
    handlers,
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
    label(fields);
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
    let distributed = distributed(&mut processor);
    let place = compiler.nested(&mut processor);
    if distributed {
        let location = fields.at(name);
        let message = "A Map state in the mode DISTRIBUTED is not implemented";
        fields.findings.error(Code::NotImplemented, location + "/ProcessorConfig/Mode", message);
    } else {
        for name in DISTRIBUTED.iter().filter(|name| fields.members.contains_key(**name)) {
            fields.wrong(name, format!("The field '{name}' is only supported in the mode DISTRIBUTED"));
        }
    }
    let selector = if fields.members.contains_key("Parameters") { "Parameters" } else { "ItemSelector" };
    Some(Map {
        items_path: fields.path("ItemsPath"),
        items: if fields.jsonata { fields.template("Items") } else { None },
        item_selector: fields.template(selector),
        max_concurrency: fields.number("MaxConcurrency", 0),
        tolerated_failure_count: fields.number("ToleratedFailureCount", 0),
        tolerated_failure_percentage: percentage(fields),
        handlers,
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

/// Whether ProcessorConfig says so.
fn distributed(fields: &mut Fields<'_, '_>) -> bool {
    let Some(members) = fields.object("ProcessorConfig") else { return false };
    let mut config = Fields {
        members,
        location: fields.at("ProcessorConfig"),
        findings: fields.findings,
        jsonata: fields.jsonata,
    };
    config.only(&[&["Mode", "ExecutionType"]]);
    match config.string("Mode") {
        Some("DISTRIBUTED") => true,
        None | Some("INLINE") => false,
        Some(_) => {
            config.wrong("Mode", "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]");
            false
        }
    }
}

/// Characters that a label, which becomes part of an ARN, may not have.
const NOT_IN_LABELS: &str = "?*<>{}[]:;,\\|^~$#%&`\" ";
const LONGEST_LABEL: usize = 40;

fn label(fields: &mut Fields<'_, '_>) {
    let Some(label) = fields.string("Label") else { return };
    if label.is_empty() {
        fields.wrong("Label", "Label cannot be empty");
    }
    if label.chars().count() > LONGEST_LABEL {
        fields.wrong("Label", format!("Label cannot exceed {LONGEST_LABEL} characters"));
    }
    if let Some(character) = label.chars().find(|c| c.is_control() || NOT_IN_LABELS.contains(*c)) {
        fields.wrong("Label", format!("Label contains invalid character: '{character}'"));
    }
}
