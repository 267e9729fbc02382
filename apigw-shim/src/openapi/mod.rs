//! OpenAPI: documents into APIs, and stages into documents.
//!
//! `import` reads Swagger 2.0 and OpenAPI 3.0 into a draft of a REST API, `apply` makes records of that, `export` writes
//! a deployment. `http` does both for HTTP APIs. All but `apply` are functions of values: they know no store and no
//! clock. Sources: AWS, "Develop REST APIs using OpenAPI" and "OpenAPI extensions for API Gateway" (Developer Guide),
//! and recorded answers.

pub(crate) mod apply;
pub(crate) mod document;
pub(crate) mod export;
pub(crate) mod http;
pub(crate) mod import;
mod reference;

use aws_wire::ServiceError;
use serde_json::{Map, Value};

use crate::{
    State,
    apis::Kind,
    error::{bad_request, not_yet},
    http_operations, operations, rest_api, summary,
};

/// What is wrong with a document, of which some may be passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// What was left out.
    pub warnings: Vec<String>,
    /// What nothing can be made of.
    pub errors: Vec<String>,
    /// What AWS has and Tule does not.
    pub missing: Vec<String>,
}

/// More than these are not told one by one.
const MOST_WARNINGS: usize = 1_000;
const MOST_ERRORS: usize = 100;

impl Notes {
    /// Tells what was left out.
    pub fn warn(&mut self, text: String) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(text);
        }
    }

    /// Tells what nothing can be made of.
    pub fn fail(&mut self, text: String) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(text);
        }
    }

    /// Whether no further error would be told.
    fn is_full(&self) -> bool {
        self.errors.len() >= MOST_ERRORS
    }

    /// Refuses a document that is in error, or that has warnings where these are to count.
    pub fn verdict(&self, fail_on_warnings: bool) -> Result<(), ServiceError> {
        if !self.errors.is_empty() {
            return Err(bad_request(format!("Errors found during import:\n\t{}", self.errors.join("\n\t"))));
        }
        if let Some(missing) = self.missing.first() {
            return Err(not_yet(missing));
        }
        if fail_on_warnings && !self.warnings.is_empty() {
            let all = self.warnings.join("\n\t");
            return Err(bad_request(format!("Warnings found during import:\n\t{all}")));
        }
        Ok(())
    }

    /// The warnings as a member of an answer: none where there are none.
    pub fn warnings(&self) -> Value {
        if self.warnings.is_empty() { Value::Null } else { self.warnings.clone().into() }
    }
}

/// Reads a body as a document.
pub(crate) fn parse(body: &[u8]) -> Result<Map<String, Value>, ServiceError> {
    document::parse(body).map_err(|error| bad_request(format!("Invalid OpenAPI input. ({error})")))
}

/// A stage as a document for whoever calls it: without extensions, and with the address that works here.
pub(crate) fn served(state: &State, api: &str, stage: &str) -> Option<Value> {
    let live = state.apis.live(api)?;
    let (document, url) = match &live.kind {
        Kind::Rest(_) => {
            let plain = export::Extensions::default();
            let exported = operations::export(state, &live, stage, export::Format::OpenApi3, plain);
            (exported.ok()?.0, summary::rest_url(&state.options.endpoint, api, stage))
        }
        Kind::Http(_) => {
            let exported = http_operations::export(state, &live, Some(stage), false);
            (exported.ok()?, summary::http_url(&state.options.endpoint, api, stage))
        }
        Kind::Socket(_) => return None,
    };
    let mut document = document;
    document["servers"] = serde_json::json!([{ "url": url }]);
    Some(document)
}

/// What imports as a REST and as an HTTP API would say of a document: warnings, or why it is refused. Nothing is made.
pub fn examine(body: &[u8]) -> [Result<Vec<String>, String>; 2] {
    let options = import::Options::new("us-east-1", "000000000000");
    let rest = || {
        let (draft, notes) = import::read(&parse(body)?, &options)?;
        notes.verdict(false)?;
        let blank = rest_api::record::RestApi::default();
        let made = apply::apply(draft, blank, &[], apply::Mode::Overwrite, |length| "x".repeat(length))?;
        serde_json::to_vec(&made.api).map_err(|error| ServiceError::internal(error.to_string()))?;
        Ok(notes.warnings)
    };
    let http = || {
        let base_path = import::BasePath::Split;
        let (region, account) = (options.region.clone(), options.account.clone());
        let (draft, mut notes) =
            http::import::read(&parse(body)?, &http::import::Options { base_path, region, account })?;
        notes.verdict(false)?;
        notes.warnings.extend(draft.info);
        Ok(notes.warnings)
    };
    [rest().map_err(|error: ServiceError| error.message), http().map_err(|error: ServiceError| error.message)]
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(document::text)
}

fn filled(members: &Map<String, Value>, name: &str) -> Option<String> {
    text(members, name).filter(|text| !text.is_empty())
}

fn object<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Map<String, Value>> {
    members.get(name).and_then(Value::as_object)
}

/// About how many bytes a value has, counted no further than `limit`.
fn weigh(value: &Value, limit: usize) -> usize {
    let add = |sum: usize, more: &Value, own: usize| match sum.saturating_add(own) {
        sum if sum >= limit => sum,
        sum => sum + weigh(more, limit - sum),
    };
    match value {
        Value::String(text) => text.len() + 8,
        Value::Array(items) => items.iter().fold(8, |sum, item| add(sum, item, 8)),
        Value::Object(members) => members.iter().fold(8, |sum, (name, one)| add(sum, one, name.len() + 8)),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn strings(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(document::text).collect()
}

/// What AWS's variables in a document stand for.
fn substituted(text: &str, region: &str, account: &str) -> String {
    text.replace("${AWS::Region}", region)
        .replace("${AWS::AccountId}", account)
        .replace("${AWS::Partition}", "aws")
}

fn flag(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| matches!(document::text(value).as_deref(), Some("true")))
}
