//! ValidateStateMachineDefinition, and how a wrong definition is refused.

use std::sync::Arc;

use asl::{Code, Definition, Diagnostic, Severity};
use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};

use super::Request;
use crate::service::Inner;

/// Compiles a definition, or refuses it in AWS's words.
pub(crate) fn compile(text: &str, express: bool) -> Result<Arc<Definition>, ServiceError> {
    let (definition, diagnostics) = Definition::parse(text, express);
    if let Some(definition) = definition {
        return Ok(Arc::new(definition));
    }
    let errors: Vec<&Diagnostic> =
        diagnostics.iter().filter(|found| found.severity == Severity::Error).collect();
    if let Some(label) = errors.iter().find(|error| is_about_label(error)) {
        return Err(ServiceError::bad_request("InvalidDefinition", wrong_label(&label.message, text)));
    }
    // A definition that is wrong is wrong; one that is only beyond what is here is answered so.
    if !errors.is_empty() && errors.iter().all(|error| error.code == Code::NotImplemented) {
        let what = errors
            .iter()
            .map(|error| format!("{} ({})", error.message, error.location.as_deref().unwrap_or("/")));
        return Err(ServiceError::not_implemented(what.collect::<Vec<_>>().join("; ")));
    }
    let what: Vec<String> =
        errors.iter().filter(|error| error.code != Code::NotImplemented).map(ToString::to_string).collect();
    let message = format!("Invalid State Machine Definition: '{}'", what.join(", "));
    Err(ServiceError::bad_request("InvalidDefinition", message))
}

fn is_about_label(error: &Diagnostic) -> bool {
    let place = error.location.as_deref().unwrap_or("");
    place.ends_with("/Label") && error.message.starts_with("Label ")
}

/// A wrong label is refused with the exception that AWS's check of definitions ran into, and the whole definition: the
/// form that was recorded, and nothing else is answered in it.
fn wrong_label(what: &str, definition: &str) -> String {
    format!("Error=ValueError Args=[{}] in definition '{definition}'.", asl::definition::quoted(what))
}

pub(super) async fn validate(_: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let express = members.optional_text("type") == Some("EXPRESS");
    let only_errors = members.optional_text("severity").unwrap_or("ERROR") == "ERROR";
    let most = members.page_size(100).min(100);
    let (definition, diagnostics) = Definition::parse(members.text("definition"), express);
    let shown: Vec<Value> = diagnostics
        .iter()
        .filter(|found| !only_errors || found.severity == Severity::Error)
        .map(|found| {
            json!({
                "severity": found.severity.as_str(),
                "code": found.code.as_str(),
                "message": found.message,
                "location": found.location,
            })
        })
        .collect();
    let truncated = shown.len() > most;
    let result = if definition.is_some() { "OK" } else { "FAIL" };
    let shown: Vec<Value> = shown.into_iter().take(most).map(without_nulls).collect();
    Ok(Output::of(json!({ "result": result, "diagnostics": shown, "truncated": truncated })))
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    value
}
