//! Payload templates: JSON in which members whose names end in `.$` are computed.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::{failure::Failure, intrinsic::Expression, scope::Environment};

/// A payload template, compiled. Parts that compute nothing are kept whole.
#[derive(Debug, Clone)]
pub enum Template {
    /// As it stands.
    Literal(Value),
    /// Members by name; at least one of them computes something.
    Object(Vec<(String, Template)>),
    /// Items; at least one of them computes something.
    Array(Vec<Template>),
    /// A path or an intrinsic function, and the name of its member with the `.$`.
    Computed(String, Expression),
    /// A JSONata expression.
    Query(Box<Query>),
}

/// A JSONata expression in a field.
#[derive(Debug, Clone)]
pub struct Query {
    /// Where: `Output/result`.
    pub field: String,
    /// What stands between the delimiters.
    pub expression: jsonata::Expression,
}

/// What is wrong with a template, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Where, from the template's root: `/a/b.$`.
    pub location: String,
    /// What.
    pub message: String,
}

impl Template {
    /// Compiles the value of a field such as Parameters.
    pub fn compile(value: &Value) -> Result<Self, TemplateError> {
        match value {
            Value::Object(members) => {
                let mut compiled = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let computed = name.strip_suffix(".$").filter(|bare| members.contains_key(*bare));
                    if let Some(bare) = computed {
                        let message =
                            format!("The field '{bare}' is given twice: as it stands and as '{name}'");
                        return Err(TemplateError { location: format!("/{name}"), message });
                    }
                    let (name, template) = Self::compile_member(name, member)?;
                    compiled.push((name, template));
                }
                let literal = compiled.iter().all(|(_, member)| matches!(member, Self::Literal(_)));
                Ok(if literal { Self::Literal(value.clone()) } else { Self::Object(compiled) })
            }
            Value::Array(items) => {
                let compiled = items.iter().enumerate().map(|(index, item)| {
                    Self::compile(item).map_err(|error| error.within(&format!("[{index}]")))
                });
                let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
                let literal = compiled.iter().all(|item| matches!(item, Self::Literal(_)));
                Ok(if literal { Self::Literal(value.clone()) } else { Self::Array(compiled) })
            }
            other => Ok(Self::Literal(other.clone())),
        }
    }

    fn compile_member(name: &str, member: &Value) -> Result<(String, Self), TemplateError> {
        let Some(bare) = name.strip_suffix(".$") else {
            let compiled = Self::compile(member).map_err(|error| error.within(&format!("/{name}")))?;
            return Ok((name.to_owned(), compiled));
        };
        let error = |message: String| TemplateError { location: format!("/{name}"), message };
        let text = member.as_str().ok_or_else(|| {
            error(format!(
                "The value for the field '{name}' must be a STRING that contains a JSONPath but was an {}",
                kind(member)
            ))
        })?;
        let expression = Expression::parse(text).map_err(|_| {
            error(format!(
                "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
            ))
        })?;
        Ok((bare.to_owned(), Self::Computed(name.to_owned(), expression)))
    }

    /// Compiles a value in which texts between `{%` and `%}` are JSONata expressions.
    pub fn compile_queries(value: &Value, field: &str) -> Result<Self, TemplateError> {
        match value {
            Value::String(text) => Self::compile_text(text, field),
            Value::Object(members) => {
                let compiled = members.iter().map(|(name, member)| {
                    let member = Self::compile_queries(member, &format!("{field}/{name}"));
                    Ok((name.clone(), member.map_err(|error| error.within(&format!("/{name}")))?))
                });
                let compiled = compiled.collect::<Result<Vec<_>, TemplateError>>()?;
                let literal = compiled.iter().all(|(_, member)| matches!(member, Self::Literal(_)));
                Ok(if literal { Self::Literal(value.clone()) } else { Self::Object(compiled) })
            }
            Value::Array(items) => {
                let compiled = items.iter().enumerate().map(|(index, item)| {
                    let item = Self::compile_queries(item, &format!("{field}[{index}]"));
                    item.map_err(|error| error.within(&format!("[{index}]")))
                });
                let compiled = compiled.collect::<Result<Vec<_>, _>>()?;
                let literal = compiled.iter().all(|item| matches!(item, Self::Literal(_)));
                Ok(if literal { Self::Literal(value.clone()) } else { Self::Array(compiled) })
            }
            other => Ok(Self::Literal(other.clone())),
        }
    }

    fn compile_text(text: &str, field: &str) -> Result<Self, TemplateError> {
        let error = |message: String| TemplateError { location: String::new(), message };
        match (text.strip_prefix("{%"), text.ends_with("%}")) {
            (None, false) => Ok(Self::Literal(Value::String(text.to_owned()))),
            (Some(rest), true) if rest.len() >= 2 => {
                let source = rest[..rest.len() - 2].trim();
                let expression = jsonata::Expression::compile(source).map_err(|reason| {
                    error(format!("The JSONata expression '{source}' is not valid: {reason}"))
                })?;
                Ok(Self::Query(Box::new(Query { field: field.to_owned(), expression })))
            }
            _ => Err(error(String::from("A JSONata expression must begin with {% and end with %}"))),
        }
    }

    /// The expressions in it.
    pub fn queries<'e>(&'e self, found: &mut Vec<&'e Query>) {
        match self {
            Self::Literal(_) | Self::Computed(..) => {}
            Self::Object(members) => members.iter().for_each(|(_, member)| member.queries(found)),
            Self::Array(items) => items.iter().for_each(|item| item.queries(found)),
            Self::Query(query) => found.push(query),
        }
    }

    /// All variables it reads.
    pub fn variables<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Self::Literal(_) => {}
            Self::Object(members) => members.iter().for_each(|(_, member)| member.variables(found)),
            Self::Array(items) => items.iter().for_each(|item| item.variables(found)),
            Self::Computed(_, expression) => expression.variables(found),
            Self::Query(query) => query.variables(found),
        }
    }

    /// Its value; a literal is not copied.
    pub fn evaluate(&self, env: &Environment<'_>) -> Result<Cow<'_, Value>, Failure> {
        Ok(match self {
            Self::Literal(value) => Cow::Borrowed(value),
            Self::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.clone(), member.evaluate(env)?.into_owned());
                }
                Cow::Owned(Value::Object(object))
            }
            Self::Array(items) => {
                let items = items.iter().map(|item| Ok(item.evaluate(env)?.into_owned()));
                Cow::Owned(Value::Array(items.collect::<Result<_, Failure>>()?))
            }
            Self::Computed(field, expression) => Cow::Owned(expression.evaluate(env, field)?),
            Self::Query(query) => Cow::Owned(query.evaluate(env)?),
        })
    }
}

impl Query {
    /// All variables it reads.
    pub fn variables<'e>(&'e self, found: &mut Vec<&'e str>) {
        found.extend(self.expression.variables().iter().map(String::as_str).filter(|name| *name != "states"));
    }

    /// Its value; *undefined* is a failure.
    pub fn evaluate(&self, env: &Environment<'_>) -> Result<Value, Failure> {
        let (source, field) = (self.expression.source(), self.field.as_str());
        let about = |what: String| {
            let cause = format!("The JSONata expression '{source}' specified for the field '{field}' {what}");
            Failure::query_evaluation(Some(field), cause)
        };
        let moment = jsonata::Moment { now: env.now(), seed: env.seed().next() };
        let found = self.expression.evaluate(
            |name, part| match name {
                "states" => Some(Cow::Owned(env.states(part))),
                name => env.variable(name).map(|value| Cow::Owned(part.of(value))),
            },
            moment,
        );
        match found {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(about(String::from("returned nothing (undefined)."))),
            Err(error) => Err(about(format!("threw an error during evaluation. {error}"))),
        }
    }

    /// A value that the field does not take.
    pub fn unexpected(&self, expected: &str, value: &Value) -> Failure {
        let (source, field) = (self.expression.source(), self.field.as_str());
        let found = kind(value).to_ascii_lowercase();
        let cause = format!(
            "The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {value}"
        );
        Failure::query_evaluation(Some(field), cause)
    }
}

impl TemplateError {
    fn within(mut self, outer: &str) -> Self {
        self.location.insert_str(0, outer);
        self
    }
}

/// What AWS calls a kind of JSON value in its messages.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "BOOLEAN",
        Value::Number(_) => "NUMBER",
        Value::String(_) => "STRING",
        Value::Array(_) => "ARRAY",
        Value::Object(_) => "OBJECT",
    }
}
