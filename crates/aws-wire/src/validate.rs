//! Validation of members against the model, in AWS's words.
//!
//! The texts are those of recorded answers: "1 validation error detected: Value 'x' at 'name' failed to satisfy
//! constraint: Member must …".

use aws_model::{Field, Location, Operation, ServiceModel, ShapeKind, ShapeRef, StructureShape};
use serde_json::{Map, Value};

use crate::{ServiceError, validate_ec2};

/// Complaints beyond these are counted, not told.
const MOST: usize = 10;

/// Checks an operation's members: required ones, lengths, ranges, patterns and enumerated values.
pub fn validate(
    model: &ServiceModel,
    operation: &Operation,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let Some(ShapeKind::Structure(input)) = operation.input.map(|input| &model.shape(input).kind) else {
        return Ok(());
    };
    if model.name == "s3" {
        // S3's own checks answer in other words, and its routing has seen to what is required.
        return Ok(());
    }
    if model.name == "ec2" {
        return validate_ec2::validate(model, input, members);
    }
    let mut found = Complaints { model, count: 0, texts: Vec::new() };
    for (index, field) in in_order(model, input) {
        // The payload is not among the members.
        if input.payload == Some(index) && !members.contains_key(&field.name) && is_blob(model, field) {
            continue;
        }
        found.field(field, members.get(&field.name), || top_path(model, operation, field), true);
    }
    if found.count == 0 { Ok(()) } else { Err(refusal(model, found.count, &found.texts)) }
}

/// The fields in the order in which AWS complains of them: the model's, but API Gateway's first API tells what is wrong
/// in the body before what is wrong in the address (recorded of UpdateMethodResponse).
fn in_order<'m>(model: &ServiceModel, input: &'m StructureShape) -> impl Iterator<Item = (usize, &'m Field)> {
    let body_first = model.name == "apigateway";
    let in_pass = move |first: bool| {
        let fields = input.fields.iter().enumerate();
        fields.filter(move |(_, field)| (!body_first || field.location == Location::Body) == first)
    };
    in_pass(true).chain(in_pass(false))
}

fn is_blob(model: &ServiceModel, field: &Field) -> bool {
    matches!(model.shape(field.shape).kind, ShapeKind::Blob { .. })
}

/// API Gateway's first API wraps what comes in the body: `createRestApiInput.endpointConfiguration`.
fn top_path(model: &ServiceModel, operation: &Operation, field: &Field) -> String {
    let name = lower_first(&field.name);
    if model.name == "apigateway" && field.location == Location::Body {
        return format!("{}Input.{name}", lower_first(&operation.name));
    }
    name
}

fn refusal(model: &ServiceModel, count: usize, texts: &[String]) -> ServiceError {
    let noun = if count == 1 { "error" } else { "errors" };
    let message = format!("{count} validation {noun} detected: {}", texts.join("; "));
    let code = match model.name {
        "iam" | "sts" | "cloudformation" => "ValidationError",
        "logs" => "InvalidParameterException",
        "apigatewayv2" => "BadRequestException",
        "sns" => "InvalidParameter",
        _ => "ValidationException",
    };
    ServiceError::bad_request(code, message)
}

struct Complaints<'m> {
    model: &'m ServiceModel,
    count: usize,
    /// The first [`MOST`]. A map is shown whole by each complaint about its keys, so telling all would cost the
    /// square of a request's size.
    texts: Vec<String>,
}

impl Complaints<'_> {
    fn add(&mut self, value: Option<&Value>, shape: ShapeRef, path: &str, constraint: &str) {
        self.count += 1;
        if self.texts.len() == MOST {
            return;
        }
        let value = match value {
            None | Some(Value::Null) => "null".to_owned(),
            Some(value) => format!("'{}'", java_text(self.model, shape, value)),
        };
        self.texts.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    /// `path` is asked for only where there may be something to complain of: most members are not there.
    fn field(&mut self, field: &Field, value: Option<&Value>, path: impl FnOnce() -> String, top: bool) {
        match value {
            None | Some(Value::Null) if field.required => {
                self.add(None, field.shape, &path(), "Member must not be null");
            }
            None | Some(Value::Null) => {}
            Some(value) => self.value(field.shape, value, &path(), top),
        }
    }

    fn structure(&mut self, shape: &StructureShape, members: &Map<String, Value>, path: &str) {
        for field in &shape.fields {
            let path = || format!("{path}.{}", lower_first(&field.name));
            self.field(field, members.get(&field.name), path, false);
        }
    }

    fn value(&mut self, shape: ShapeRef, value: &Value, path: &str, top: bool) {
        match (&self.model.shape(shape).kind, value) {
            (ShapeKind::Structure(structure), Value::Object(members)) => {
                self.structure(structure, members, path);
            }
            (ShapeKind::List { item, min, max, .. }, Value::Array(items)) => {
                self.length(shape, value, items.len(), (*min, *max), path);
                self.items(shape, *item, value, items, path, top);
            }
            (ShapeKind::Map { key, value: of, min, max, .. }, Value::Object(entries)) => {
                self.length(shape, value, entries.len(), (*min, *max), path);
                for (name, entry) in entries {
                    self.map_entry((*key, *of), value, shape, (name, entry), path);
                }
            }
            (ShapeKind::Blob { min, max, .. }, Value::String(text)) => {
                self.length(shape, value, text.len() / 4 * 3, (*min, max.map(|max| max + 3)), path);
            }
            // Lambda itself refuses runtimes, in words of its own, and knows more of them than a model lists.
            (ShapeKind::Text { .. }, _) if top && is_runtime(self.model, shape) => {}
            (kind, value) => {
                for constraint in broken(kind, value) {
                    self.add(Some(value), shape, path, &constraint);
                }
            }
        }
    }

    fn map_entry(
        &mut self,
        (key, of): (ShapeRef, ShapeRef),
        map: &Value,
        shape: ShapeRef,
        (name, entry): (&str, &Value),
        path: &str,
    ) {
        let broken_key = broken(&self.model.shape(key).kind, &Value::from(name));
        if !broken_key.is_empty() {
            let all = constraints(&self.model.shape(key).kind).join(", ");
            self.add(Some(map), shape, path, &format!("Map keys must satisfy constraint: [{all}]"));
        }
        if entry.is_null() {
            return;
        }
        match &self.model.shape(of).kind {
            ShapeKind::Structure(_) | ShapeKind::List { .. } | ShapeKind::Map { .. } => {
                self.value(of, entry, &format!("{path}.{name}.member"), false);
            }
            kind if !broken(kind, entry).is_empty() => {
                let all = constraints(kind).join(", ");
                self.add(Some(map), shape, path, &format!("Map value must satisfy constraint: [{all}]"));
            }
            _ => {}
        }
    }

    fn length(
        &mut self,
        shape: ShapeRef,
        value: &Value,
        length: usize,
        limits: (Option<u64>, Option<u64>),
        path: &str,
    ) {
        for constraint in broken_length(length, limits) {
            self.add(Some(value), shape, path, &constraint);
        }
    }

    /// Items of lists: structures complain by their place, plain values by the list as a whole.
    fn items(
        &mut self,
        list: ShapeRef,
        item: ShapeRef,
        value: &Value,
        items: &[Value],
        path: &str,
        top: bool,
    ) {
        let kind = &self.model.shape(item).kind;
        if matches!(kind, ShapeKind::Structure(_) | ShapeKind::List { .. } | ShapeKind::Map { .. }) {
            for (at, entry) in items.iter().enumerate() {
                self.value(item, entry, &format!("{path}.{}.member", at + 1), false);
            }
            return;
        }
        if items.iter().any(|entry| !entry.is_null() && !broken(kind, entry).is_empty()) {
            if is_runtime(self.model, item) {
                self.runtimes(list, value, path);
                return;
            }
            let mut all = constraints(kind);
            if top && self.model.name == "lambda" {
                all.push("Member must not be null".to_owned());
            }
            self.add(
                Some(value),
                list,
                path,
                &format!("Member must satisfy constraint: [{}]", all.join(", ")),
            );
        }
    }

    /// Runtimes in lists: AWS says those that it still has, not those that it takes, and says so first.
    fn runtimes(&mut self, list: ShapeRef, value: &Value, path: &str) {
        self.add(Some(value), list, path, &format!("Member must satisfy enum value set: [{RUNTIMES}]"));
        if self.count == self.texts.len() {
            self.texts.rotate_right(1);
        }
    }
}

/// The runtimes Lambda names where one of a list is none, in its order: taken from a recorded answer.
const RUNTIMES: &str = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, \
     python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, \
     dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2";

fn is_runtime(model: &ServiceModel, shape: ShapeRef) -> bool {
    model.name == "lambda" && model.shape(shape).name == "Runtime"
}

fn at_most(max: u64) -> String {
    format!("Member must have length less than or equal to {max}")
}

fn at_least(min: u64) -> String {
    format!("Member must have length greater than or equal to {min}")
}

fn broken_length(length: usize, (min, max): (Option<u64>, Option<u64>)) -> Vec<String> {
    let length = length as u64;
    let over = max.filter(|max| length > *max).map(at_most);
    over.into_iter().chain(min.filter(|min| length < *min).map(at_least)).collect()
}

/// The constraints of a plain value that `value` breaks.
fn broken(kind: &ShapeKind, value: &Value) -> Vec<String> {
    let mut broken = Vec::new();
    match (kind, value) {
        (ShapeKind::Text { values, pattern, min, max, .. }, Value::String(text)) => {
            if !values.is_empty() && !values.iter().any(|known| known == text) {
                broken.push(enumerated(values));
            }
            broken.extend(broken_length(text.chars().count(), (*min, *max)));
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
                broken.push(format!("Member must satisfy regular expression pattern: {}", pattern.text()));
            }
        }
        (ShapeKind::Integer { min, max, .. }, Value::Number(number)) => {
            let number = number.as_i64().unwrap_or_default();
            if let Some(max) = max.filter(|max| number > *max) {
                broken.push(format!("Member must have value less than or equal to {max}"));
            }
            if let Some(min) = min.filter(|min| number < *min) {
                broken.push(format!("Member must have value greater than or equal to {min}"));
            }
        }
        (ShapeKind::Double { min, max }, Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            if let Some(max) = max.filter(|max| number > *max) {
                broken.push(format!("Member must have value less than or equal to {max}"));
            }
            if let Some(min) = min.filter(|min| number < *min) {
                broken.push(format!("Member must have value greater than or equal to {min}"));
            }
        }
        _ => {}
    }
    broken
}

/// All constraints of a plain value, as a list complains about its items.
fn constraints(kind: &ShapeKind) -> Vec<String> {
    let ShapeKind::Text { values, pattern, min, max, .. } = kind else { return Vec::new() };
    if !values.is_empty() {
        return vec![enumerated(values)];
    }
    let pattern = pattern.as_ref();
    let pattern =
        pattern.map(|pattern| format!("Member must satisfy regular expression pattern: {}", pattern.text()));
    max.map(at_most).into_iter().chain(min.map(at_least)).chain(pattern).collect()
}

/// Orders in which AWS lists some enumerations; they are not the models', and follow no rule that could be found.
/// Taken from recorded answers.
const ORDERS: &[&[&str]] = &[
    &["PRIVATE", "EDGE", "REGIONAL"],
    &["add", "remove", "move", "test", "replace", "copy"],
    &["RESPONSE_STREAM", "BUFFERED"],
    &["Terminate", "Allow"],
    &[
        "RESPONSE_BODY",
        "RESPONSE",
        "METHOD",
        "MODEL",
        "AUTHORIZER",
        "RESPONSE_HEADER",
        "RESOURCE",
        "PATH_PARAMETER",
        "REQUEST_BODY",
        "QUERY_PARAMETER",
        "API",
        "REQUEST_HEADER",
    ],
];

fn enumerated(values: &[String]) -> String {
    let same = |order: &&&[&str]| {
        order.len() == values.len() && values.iter().all(|it| order.contains(&it.as_str()))
    };
    let values = ORDERS.iter().find(same).map_or_else(|| values.join(", "), |order| order.join(", "));
    format!("Member must satisfy enum value set: [{values}]")
}

pub(crate) fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters
        .next()
        .map(|first| first.to_ascii_lowercase().to_string() + characters.as_str())
        .unwrap_or_default()
}

/// A value as Java's `toString` shows it, with the shapes' names for structures.
fn java_text(model: &ServiceModel, shape: ShapeRef, value: &Value) -> String {
    match (&model.shape(shape).kind, value) {
        (_, Value::String(text)) => text.clone(),
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            let items: Vec<_> = items.iter().map(|it| java_text(model, *item, it)).collect();
            format!("[{}]", items.join(", "))
        }
        (ShapeKind::Structure(structure), Value::Object(members)) => {
            let fields = structure.fields.iter().filter_map(|field| {
                Some(format!("{}={}", field.name, java_text(model, field.shape, members.get(&field.name)?)))
            });
            format!("{}({})", model.shape(shape).name, fields.collect::<Vec<_>>().join(", "))
        }
        (ShapeKind::Map { value: of, .. }, Value::Object(entries)) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, it)| format!("{key}={}", java_text(model, *of, it))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        (_, value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn many_complaints_are_counted_and_the_first_are_told() {
        let tags: Map<String, Value> =
            (0..20_000).map(|at| (format!("{at:0>200}"), Value::from("x"))).collect();
        let said = complaint(
            "lambda",
            "TagResource",
            json!({"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "Tags": tags}),
        );
        assert!(said.starts_with("20000 validation errors detected: "), "{}", &said[..100]);
        assert_eq!(said.matches("failed to satisfy constraint").count(), MOST);
    }

    fn complaint(service: &str, operation: &str, members: Value) -> String {
        let model = aws_model::service(service).unwrap();
        let Value::Object(members) = members else { panic!("an object") };
        let checked = validate(model, model.operation(operation).unwrap(), &members);
        checked.map_or_else(|error| error.message, |()| "fine".to_owned())
    }

    #[test]
    fn complaints_are_worded_as_recorded() {
        assert_eq!(
            complaint("stepfunctions", "ListStateMachines", json!({"maxResults": 1001})),
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: \
             Member must have value less than or equal to 1000"
        );
        assert_eq!(
            complaint("stepfunctions", "UntagResource", json!({"resourceArn": "a"})),
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
        );
        assert_eq!(
            complaint(
                "apigateway",
                "CreateRestApi",
                json!({"name": "a", "endpointConfiguration":
                {"types": ["wrong"], "ipAddressType": "wrong"}})
            ),
            "2 validation errors detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed to \
             satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, \
             REGIONAL]]; Value 'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to satisfy \
             constraint: Member must satisfy enum value set: [ipv4, dualstack]"
        );
        let start = json!({"FunctionName": "f", "Name": "2024", "FunctionVersion": "1"});
        assert!(
            complaint("lambda", "CreateAlias", start)
                .contains("at 'name' failed to satisfy constraint: Member must")
        );
        assert_eq!(complaint("lambda", "GetFunction", json!({"FunctionName": "f"})), "fine");
    }

    #[test]
    fn runtimes_in_lists_are_told_first() {
        let members = json!({"LayerName": "l", "Content": {}, "CompatibleArchitectures": ["vax"],
            "CompatibleRuntimes": ["cobol", "nodejs20.x"]});
        let said = complaint("lambda", "PublishLayerVersion", members);
        assert!(
            said.starts_with(
                "2 validation errors detected: Value '[cobol, nodejs20.x]' at 'compatibleRuntimes' failed to satisfy \
                 constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, "
            ),
            "{said}"
        );
        assert!(
            said.contains("; Value '[vax]' at 'compatibleArchitectures' failed to satisfy constraint: "),
            "{said}"
        );
        let fine =
            json!({"LayerName": "l", "Content": {}, "CompatibleRuntimes": ["go1.x", "java8", "python3.14"]});
        assert_eq!(complaint("lambda", "PublishLayerVersion", fine), "fine");
    }

    #[test]
    fn what_is_wrong_in_the_body_is_told_before_the_address() {
        let members = json!({"restApiId": "a", "resourceId": "b", "httpMethod": "GET", "statusCode": "wrong",
            "patchOperations": [{"op": "wrong_op", "path": "/x"}]});
        let said = complaint("apigateway", "UpdateMethodResponse", members);
        let places: Vec<_> = said.split(" at '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
        assert_eq!(places, ["updateMethodResponseInput.patchOperations.1.member.op", "statusCode"], "{said}");
        // The second API keeps the model's order, in which addresses may stand first.
        let said = complaint("apigatewayv2", "CreateRoute", json!({}));
        let places: Vec<_> = said.split(" at '").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
        assert_eq!(places, ["apiId", "routeKey"], "{said}");
    }

    #[test]
    fn structures_in_lists_are_named_by_their_place() {
        let text = complaint(
            "apigateway",
            "UpdateMethodResponse",
            json!({"restApiId": "a", "resourceId": "b",
            "httpMethod": "GET", "statusCode": "200", "patchOperations": [{"op": "wrong_op", "path": "/x"}]}),
        );
        assert!(text.contains(
            "Value 'wrong_op' at 'updateMethodResponseInput.patchOperations.1.member.op' failed to satisfy constraint: \
             Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
        ));
    }
}
