//! What is supposed of a state instead of what its task, branches or iterations would do; checked against the model of
//! the operation it stands for.

use asl::{Failure, Pattern, Payload, Resource, probe::Supposed};
use aws_model::{ServiceModel, ShapeKind, ShapeRef};
use aws_wire::ServiceError;
use serde_json::Value;

use super::definition::Tested;
use crate::{effects::casing, members::Members};

/// A mocked result or error.
#[derive(Debug, Clone)]
pub(super) struct Mock(Supposed);

impl Mock {
    pub(super) fn supposed(self) -> Supposed {
        self.0
    }
}

/// How closely a result is compared with the operation's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// What is required must be there, and all must fit.
    Strict,
    /// What is there must fit.
    Present,
}

/// Reads the mock of a request, which must fit the state.
pub(super) fn of(members: &Members, tested: &Tested) -> Result<Option<Mock>, ServiceError> {
    let Some(mock) = members.get("mock") else {
        if tested.is("Map") || tested.is("Parallel") {
            const MESSAGE: &str = "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]";
            return Err(ServiceError::bad_request("InvalidDefinition", MESSAGE));
        }
        return Ok(None);
    };
    let refused = |message: &str| Err(ServiceError::validation(message));
    if !["Task", "Map", "Parallel"].contains(&tested.type_name()) {
        let message =
            format!("State type '{}' is not supported when a mock is specified", tested.type_name());
        return Err(ServiceError::validation(message));
    }
    if members.boolean("revealSecrets") == Some(true) {
        return refused("TestState does not support RevealSecrets when a mock is specified.");
    }
    let part = |name: &str| mock.get(name).filter(|value| !value.is_null());
    match (part("result").and_then(Value::as_str), part("errorOutput")) {
        (Some(_), Some(_)) => {
            refused("A test mock should have only one of the following fields: [result, errorOutput].")
        }
        (None, None) => {
            refused("A test mock should have one of the following fields: [result, errorOutput].")
        }
        (None, Some(error)) => {
            let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            let Some(name) = text("error") else {
                return refused("The field 'error' is required in the errorOutput of a test mock.");
            };
            Ok(Some(Mock(Supposed::Failed(Failure::given(Some(name), text("cause"))))))
        }
        (Some(result), None) => {
            let payload = Payload::from_text(result)
                .map_err(|_| ServiceError::validation("Mocked result must be valid JSON"))?;
            let mode = match part("fieldValidationMode").and_then(Value::as_str) {
                Some("NONE") => None,
                Some("PRESENT") => Some(Mode::Present),
                _ => Some(Mode::Strict),
            };
            check(tested, payload.value(), mode)?;
            Ok(Some(Mock(Supposed::Result(payload))))
        }
    }
}

/// Refuses a result that the state could not have had.
fn check(tested: &Tested, result: &Value, mode: Option<Mode>) -> Result<(), ServiceError> {
    let refused = |message: &str| Err(ServiceError::validation(message));
    if tested.is("Map") {
        // Without a Resource a ResultWriter only shapes the results.
        let written =
            tested.fields.get("ResultWriter").is_some_and(|writer| writer.get("Resource").is_some());
        return match (written, result.is_object(), result.is_array()) {
            (true, false, _) => refused("Mocked result must be a JSON object."),
            (false, _, false) => refused("Mocked result must be an array."),
            _ => Ok(()),
        };
    }
    if tested.is("Parallel") {
        return match result.as_array() {
            None => refused("Mocked result must be an array."),
            Some(items) if items.len() != tested.branches() => {
                refused("Mocked result must contain the same number of items as number of Parallel branches.")
            }
            Some(_) => Ok(()),
        };
    }
    let (Some(mode), Some(Resource::Service { service, action, pattern })) = (mode, tested.resource()) else {
        return Ok(());
    };
    let Some((model, output)) = polled(&service, &action, pattern) else { return Ok(()) };
    let fit = Fit { model, mode, payload_is_json: service == "lambda" };
    if !result.is_object() {
        return refused("Mock result schema validation error: The result must be an object");
    }
    fit.value(result, output, "")
        .map_err(|what| ServiceError::validation(format!("Mock result schema validation error: {what}")))
}

/// The output of the operation whose answer a task's result is: a task that waits for a job's end gets what describes
/// the job, and one that waits for a callback gets whatever is sent.
fn polled(service: &str, action: &str, pattern: Pattern) -> Option<(&'static ServiceModel, ShapeRef)> {
    let operation = match (service, action, pattern) {
        (_, _, Pattern::WaitForTaskToken) => return None,
        ("states", "startExecution", Pattern::Sync | Pattern::Sync2) => String::from("DescribeExecution"),
        (_, _, Pattern::Sync | Pattern::Sync2) => return None,
        (_, action, Pattern::RequestResponse) => casing::operation(action),
    };
    // `apigateway:invoke` calls an API's own methods, which no model knows.
    if matches!(service, "apigateway" | "http") {
        return None;
    }
    let name = casing::model_name(service.strip_prefix("aws-sdk:").unwrap_or(service));
    let (model, operation) = casing::find(name, &operation)?;
    Some((model, operation.output?))
}

/// A comparison of values with shapes.
struct Fit {
    model: &'static ServiceModel,
    mode: Mode,
    /// The optimised integration of Lambda shows a payload as the JSON it holds.
    payload_is_json: bool,
}

impl Fit {
    fn value(&self, value: &Value, shape: ShapeRef, field: &str) -> Result<(), String> {
        let must = |fits: bool, what: &str| {
            if fits { Ok(()) } else { Err(format!("Field '{field}' must be {what}")) }
        };
        match &self.model.shape(shape).kind {
            ShapeKind::Structure(structure) if structure.document => Ok(()),
            ShapeKind::Structure(structure) => {
                must(value.is_object(), "an object")?;
                let shown = |name: &str| casing::operation(name);
                if self.mode == Mode::Strict
                    && let Some(missing) = structure
                        .fields
                        .iter()
                        .find(|field| field.required && value.get(shown(&field.name)).is_none())
                {
                    return Err(format!("Required field '{}' is missing", shown(&missing.name)));
                }
                for (name, value) in value.as_object().into_iter().flatten() {
                    // What the model does not know is let through: a service may have more than its model.
                    let known = structure.fields.iter().find(|field| shown(&field.name) == *name);
                    if let Some(known) = known {
                        self.value(value, known.shape, name)?;
                    }
                }
                Ok(())
            }
            ShapeKind::List { item, .. } => {
                must(value.is_array(), "an array")?;
                let mut items = value.as_array().into_iter().flatten();
                items.try_for_each(|value| self.value(value, *item, field))
            }
            ShapeKind::Map { value: shape, .. } => {
                must(value.is_object(), "an object")?;
                let mut values = value.as_object().into_iter().flatten();
                values.try_for_each(|(_, value)| self.value(value, *shape, field))
            }
            ShapeKind::Text { values, .. } => {
                must(value.is_string(), "a string")?;
                let listed = values.is_empty() || values.iter().any(|listed| value == listed.as_str());
                if listed { Ok(()) } else { Err(format!("Field '{field}' is not an expected value")) }
            }
            ShapeKind::Blob { .. } => must(self.payload_is_json || value.is_string(), "a string"),
            ShapeKind::Timestamp(_) => must(value.is_string(), "a string"),
            ShapeKind::Integer { .. } | ShapeKind::Double { .. } => must(value.is_number(), "a number"),
            ShapeKind::Boolean => must(value.is_boolean(), "a boolean"),
        }
    }
}
