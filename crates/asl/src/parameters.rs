//! The parameters of service integrations, as they are checked before a task is scheduled. What is wrong here ends the
//! execution with `States.Runtime`, which nothing handles.

use serde_json::Value;

use crate::{definition::Resource, failure::Failure, payload::Payload};

/// What the value of a parameter must be.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Flag,
    Object,
    /// An object whose members are lists of texts, as headers of API Gateway.
    Lists,
    OneOf(&'static [&'static str]),
}

/// A parameter: its path, whether it must be there, its form.
type Rule = (&'static [&'static str], bool, Form);

const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

const API_GATEWAY: &[Rule] = &[
    (&["ApiEndpoint"], true, Form::Text),
    (&["Method"], true, Form::OneOf(METHODS)),
    (&["Headers"], false, Form::Lists),
    (&["Stage"], false, Form::Text),
    (&["Path"], false, Form::Text),
    (&["QueryParameters"], false, Form::Lists),
    (&["AllowNullValues"], false, Form::Flag),
    (&["AuthType"], false, Form::OneOf(&["NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"])),
];

const HTTP: &[Rule] = &[
    (&["ApiEndpoint"], true, Form::Text),
    (&["Method"], true, Form::OneOf(METHODS)),
    (&["Headers"], false, Form::Object),
    (&["QueryParameters"], false, Form::Object),
    (&["Transform"], false, Form::Object),
    (&["Authentication"], false, Form::Object),
    (&["Authentication", "ConnectionArn"], false, Form::Text),
    (&["InvocationConfig"], false, Form::Object),
    (&["InvocationConfig", "ConnectionArn"], false, Form::Text),
];

/// Checks the parameters of a task.
pub(crate) fn check(resource: &Resource, parameters: &Payload) -> Result<(), Failure> {
    let Resource::Service { service, action, .. } = resource else { return Ok(()) };
    let rules = match (service.as_str(), action.as_str()) {
        ("apigateway", "invoke") => API_GATEWAY,
        ("http", "invoke") => HTTP,
        _ => return Ok(()),
    };
    let problem = rules.iter().find_map(|rule| problem(rule, parameters.value()));
    match problem {
        None => Ok(()),
        Some(problem) => Err(Failure::runtime(format!(
            "The Parameters '{}' could not be used to start the Task: [{problem}]",
            parameters.text()
        ))),
    }
}

fn problem((path, required, form): &Rule, parameters: &Value) -> Option<String> {
    let name = path.last()?;
    let value =
        path.iter().try_fold(parameters, |value, name| value.get(name)).filter(|value| !value.is_null());
    match value {
        None => required.then(|| format!("The field \"{name}\" is required but was missing")),
        Some(value) if fits(value, *form) => None,
        Some(_) => Some(format!("The value of the field '{name}' has an invalid format")),
    }
}

fn fits(value: &Value, form: Form) -> bool {
    match form {
        Form::Text => value.is_string(),
        Form::Flag => value.is_boolean(),
        Form::Object => value.is_object(),
        Form::Lists => value.as_object().is_some_and(|members| {
            let list = |value: &Value| {
                value
                    .as_array()
                    .is_some_and(|items| !items.iter().any(|item| item.is_array() || item.is_object()))
            };
            members.values().all(|value| value.is_null() || list(value))
        }),
        Form::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cause(resource: &str, parameters: Value) -> Option<String> {
        let resource = Resource::parse(resource).unwrap();
        check(&resource, &Payload::new(parameters)).err().and_then(|failure| failure.cause)
    }

    #[test]
    fn parameters_are_checked_before_anything_is_scheduled() {
        let api = "arn:aws:states:::apigateway:invoke";
        let with = |name: &str, value: Value| {
            let mut parameters =
                json!({ "ApiEndpoint": "a.execute-api.us-east-1.amazonaws.com", "Method": "GET" });
            parameters[name] = value;
            parameters
        };
        for good in [
            with("Headers", json!({ "a": ["b", 1] })),
            with("Headers", Value::Null),
            with("Path", json!("a/b")),
            with("AuthType", json!("IAM_ROLE")),
        ] {
            assert_eq!(cause(api, good.clone()), None, "{good}");
        }
        for (bad, why) in [
            (json!({ "Method": "GET" }), "The field \"ApiEndpoint\" is required but was missing"),
            (with("Headers", json!({ "a": "b" })), "The value of the field 'Headers' has an invalid format"),
            (with("Method", json!("get")), "The value of the field 'Method' has an invalid format"),
            (with("AuthType", json!("NONE")), "The value of the field 'AuthType' has an invalid format"),
        ] {
            let cause = cause(api, bad.clone()).unwrap_or_default();
            assert!(cause.contains(why), "{bad}: {cause}");
            assert!(cause.starts_with("The Parameters '{"), "{cause}");
        }
    }
}
