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

    /// All variables it reads.
    pub fn variables<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Self::Literal(_) => {}
            Self::Object(members) => members.iter().for_each(|(_, member)| member.variables(found)),
            Self::Array(items) => items.iter().for_each(|item| item.variables(found)),
            Self::Computed(_, expression) => expression.variables(found),
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
        })
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
