//! Reading the fields of one JSON object of a definition, and noting what is wrong with them.

use serde_json::{Map, Value};

use super::{
    Number, ResultPath, Selection,
    diagnostic::{Code, Diagnostic, Severity},
};
use crate::{
    path::Path,
    template::{Query, Template, kind},
};

/// What is collected while a definition is compiled.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Diagnostic>);

impl Findings {
    pub(super) fn error(&mut self, code: Code, location: impl Into<String>, message: impl Into<String>) {
        self.0.push(Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: Some(location.into()),
        });
    }

    pub(super) fn schema(&mut self, location: impl Into<String>, message: impl Into<String>) {
        self.error(Code::SchemaValidationFailed, location, message);
    }
}

/// The fields of one object, and where it stands.
pub(super) struct Fields<'a, 'f> {
    pub(super) members: &'a Map<String, Value>,
    pub(super) location: String,
    pub(super) findings: &'f mut Findings,
    /// Whether the query language here is JSONata.
    pub(super) jsonata: bool,
}

impl<'a> Fields<'a, '_> {
    pub(super) fn at(&self, name: &str) -> String {
        if self.location == "/" { format!("/{name}") } else { format!("{}/{name}", self.location) }
    }

    /// Notes all fields that are not among `known`.
    pub(super) fn only(&mut self, known: &[&[&str]]) {
        self.string("Comment");
        for name in self.members.keys() {
            if name != "Comment" && !known.iter().any(|list| list.contains(&name.as_str())) {
                let location = self.at(name);
                self.findings.schema(location, "Field is not supported");
            }
        }
    }

    /// Notes that some of the fields, of which one at least is needed, are missing.
    pub(super) fn required(&mut self, names: &[&str]) -> bool {
        let missing: Vec<_> =
            names.iter().filter(|name| !self.members.contains_key(**name)).copied().collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.findings.schema(self.location.clone(), message);
        }
        missing.is_empty()
    }

    /// Notes that two fields stand beside each other that must not.
    pub(super) fn either(&mut self, names: &[&str]) {
        let given: Vec<_> = names.iter().filter(|name| self.members.contains_key(**name)).copied().collect();
        if given.len() > 1 {
            let message = format!("Only one of these fields is allowed: [{}]", given.join(", "));
            self.findings.schema(self.location.clone(), message);
        }
    }

    pub(super) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let location = self.at(name);
        self.findings.schema(location, message);
    }

    fn unexpected(&mut self, name: &str, wanted: &str, found: &Value) {
        self.wrong(name, format!("Expected value of type {wanted} but was {}", kind(found)));
    }

    pub(super) fn string(&mut self, name: &str) -> Option<&'a str> {
        match self.members.get(name)? {
            Value::String(text) => Some(text),
            other => {
                self.unexpected(name, "STRING", other);
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.members.get(name)? {
            Value::Bool(value) => Some(*value),
            other => {
                self.unexpected(name, "BOOLEAN", other);
                None
            }
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        match self.members.get(name)? {
            Value::Object(members) => Some(members),
            other => {
                self.unexpected(name, "OBJECT", other);
                None
            }
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Option<&'a Vec<Value>> {
        match self.members.get(name)? {
            Value::Array(items) => Some(items),
            other => {
                self.unexpected(name, "ARRAY", other);
                None
            }
        }
    }

    /// A whole number that is not less than `least`.
    pub(super) fn whole(&mut self, name: &str, least: u64) -> Option<u64> {
        let value = self.members.get(name)?;
        match value.as_u64() {
            Some(number) if number >= least => Some(number),
            _ if value.is_number() => {
                self.wrong(name, format!("Value is lower than the minimum allowed value {least}"));
                None
            }
            _ => {
                self.unexpected(name, "INTEGER", value);
                None
            }
        }
    }

    /// Notes a number that is larger than `most`.
    pub(super) fn at_most(&mut self, name: &str, most: u64) {
        if self.members.get(name).and_then(Value::as_f64).is_some_and(|number| {
            #[expect(clippy::cast_precision_loss, reason = "no limit of the language is beyond 2^53")]
            let most = most as f64;
            number > most
        }) {
            self.wrong(name, format!("Value is higher than the maximum allowed value {most}"));
        }
    }

    /// A number of at least `least`.
    pub(super) fn float(&mut self, name: &str, least: f64) -> Option<f64> {
        let value = self.members.get(name)?;
        match value.as_f64() {
            Some(number) if number >= least => Some(number),
            Some(_) => {
                self.wrong(name, format!("Value is lower than the minimum allowed value {least}"));
                None
            }
            None => {
                self.unexpected(name, "NUMBER", value);
                None
            }
        }
    }

    pub(super) fn path(&mut self, name: &str) -> Option<Path> {
        let text = self.string(name)?;
        match Path::parse(text) {
            Ok(path) => Some(path),
            Err(_) => {
                self.wrong(
                    name,
                    "Value is not a Reference Path: Path must start with '$' and be well-formed",
                );
                None
            }
        }
    }

    /// A path that leads to one place.
    pub(super) fn reference(&mut self, name: &str) -> Option<Path> {
        let path = self.path(name)?;
        if !path.is_definite() {
            self.wrong(name, "Value is not a Reference Path: Path must lead to one place");
        }
        Some(path)
    }

    /// A number, or the path of one under the name with `Path` behind it.
    pub(super) fn number(&mut self, name: &str, least: u64) -> Option<Number> {
        if self.jsonata && self.members.get(name).is_some_and(Value::is_string) {
            return self.query(name).map(Number::Query);
        }
        let by_path = format!("{name}Path");
        self.either(&[name, &by_path]);
        #[expect(clippy::cast_precision_loss, reason = "no field of the language takes numbers beyond 2^53")]
        let literal = self.whole(name, least).map(|number| Number::Literal(number as f64));
        literal.or_else(|| self.reference(&by_path).map(Number::Path))
    }

    pub(super) fn selection(&mut self, name: &str) -> Selection {
        match self.members.get(name) {
            None => Selection::Whole,
            Some(Value::Null) => Selection::Nothing,
            Some(_) => match self.path(name) {
                Some(path) if !path.is_whole_input() => Selection::Path(path),
                _ => Selection::Whole,
            },
        }
    }

    pub(super) fn result_path(&mut self) -> ResultPath {
        const NAME: &str = "ResultPath";
        match self.members.get(NAME) {
            None => ResultPath::Replace,
            Some(Value::Null) => ResultPath::Discard,
            Some(_) => match self.string(NAME) {
                None | Some("$") => ResultPath::Replace,
                Some(text) => match jsonpath::ReferencePath::parse(text) {
                    Ok(path) if !text.starts_with("$$") => ResultPath::At(path, text.to_owned()),
                    _ => {
                        self.wrong(NAME, "Value is not a Reference Path");
                        ResultPath::Replace
                    }
                },
            },
        }
    }

    /// Notes expressions that read a member of `$states` that is not there in this field.
    pub(super) fn forbid(&mut self, name: &str, template: Option<&Template>, member: &str) {
        let mut queries = Vec::new();
        template.into_iter().for_each(|template| template.queries(&mut queries));
        let reads = |query: &&Query| {
            let members = query
                .expression
                .part("states")
                .and_then(|part| part.members().map(|mut members| members.any(|(name, _)| name == member)));
            members.unwrap_or(false)
        };
        if queries.iter().any(reads) {
            self.wrong(
                name,
                format!("The field $states.{member} is not available in the field '{name}' of this state"),
            );
        }
    }

    /// A text that must be a JSONata expression.
    pub(super) fn query(&mut self, name: &str) -> Option<Box<Query>> {
        match self.template(name)? {
            Template::Query(query) => Some(query),
            Template::Literal(_) | Template::Object(_) | Template::Array(_) | Template::Computed(..) => {
                self.wrong(name, "The value must be a JSONata expression between {% and %}");
                None
            }
        }
    }

    pub(super) fn template(&mut self, name: &str) -> Option<Template> {
        let value = self.members.get(name)?;
        let compiled =
            if self.jsonata { Template::compile_queries(value, name) } else { Template::compile(value) };
        match compiled {
            Ok(template) => Some(template),
            Err(error) => {
                let location = self.at(name) + &error.location;
                self.findings.schema(location, error.message);
                None
            }
        }
    }

    /// Assign: a template that is an object, its names those that variables may have.
    pub(super) fn assign(&mut self) -> Option<Template> {
        const NAME: &str = "Assign";
        let members = self.object(NAME)?;
        for name in members.keys() {
            let bare = name.strip_suffix(".$").unwrap_or(name);
            let mut characters = bare.chars();
            let well_formed = characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && characters.all(|c| c.is_alphanumeric() || c == '_')
                && bare.chars().count() <= 80
                && bare != "states";
            if !well_formed {
                self.wrong(NAME, format!("'{bare}' is not a valid variable name"));
            }
        }
        self.template(NAME)
    }
}
