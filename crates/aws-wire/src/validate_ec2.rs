//! Validation of members in EC2's words: the first that is wrong, not all of them.

use aws_model::{ServiceModel, ShapeKind, ShapeRef, StructureShape};
use serde_json::{Map, Value};

use crate::{ServiceError, validate::lower_first};

/// Checks what is required, enumerated values and ranges. EC2 tells patterns and lengths apart in ways that its model
/// does not have; operations see to those.
pub(crate) fn validate(
    model: &ServiceModel,
    shape: &StructureShape,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    for field in &shape.fields {
        let name = lower_first(&field.name);
        match members.get(&field.name) {
            None | Some(Value::Null) if field.required => {
                let text = format!("The request must contain the parameter {name}");
                return Err(ServiceError::bad_request("MissingParameter", text));
            }
            None | Some(Value::Null) => {}
            Some(value) => check(model, field.shape, value, &name)?,
        }
    }
    Ok(())
}

fn check(model: &ServiceModel, shape: ShapeRef, value: &Value, name: &str) -> Result<(), ServiceError> {
    let refuse = |shown: &str, why: &str| {
        let text = format!("Value ({shown}) for parameter {name} is invalid.{why}");
        Err(ServiceError::bad_request("InvalidParameterValue", text))
    };
    match (&model.shape(shape).kind, value) {
        (ShapeKind::Structure(shape), Value::Object(members)) => validate(model, shape, members),
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            items.iter().try_for_each(|value| check(model, *item, value, name))
        }
        (ShapeKind::Text { values, .. }, Value::String(text)) if !values.is_empty() => {
            if values.contains(text) { Ok(()) } else { refuse(text, "") }
        }
        (ShapeKind::Integer { min, max, .. }, Value::Number(number)) => {
            let found = number.as_i64().unwrap_or_default();
            if min.is_none_or(|min| found >= min) && max.is_none_or(|max| found <= max) {
                return Ok(());
            }
            let why = match (min, max) {
                (Some(min), Some(max)) => format!(" Expecting a value between {min} and {max}."),
                (Some(min), None) => format!(" Expecting a value of at least {min}."),
                (None, Some(max)) => format!(" Expecting a value of at most {max}."),
                (None, None) => String::new(),
            };
            refuse(&number.to_string(), &why)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(operation: &str, members: Value) -> String {
        let model = aws_model::service("ec2").unwrap();
        let operation = model.operation(operation).unwrap();
        let Value::Object(members) = members else { panic!("an object") };
        let refused = crate::validate(model, operation, &members).unwrap_err();
        format!("{}: {}", refused.code, refused.message)
    }

    #[test]
    fn the_first_that_is_wrong_is_told() {
        assert_eq!(
            refusal("DeleteVpc", json!({})),
            "MissingParameter: The request must contain the parameter vpcId"
        );
        assert_eq!(
            refusal("DescribeVpcs", json!({"MaxResults": 4})),
            "InvalidParameterValue: Value (4) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
        );
        assert_eq!(
            refusal("CreateVpc", json!({"TagSpecifications": [{"ResourceType": "house"}]})),
            "InvalidParameterValue: Value (house) for parameter resourceType is invalid."
        );
    }
}
