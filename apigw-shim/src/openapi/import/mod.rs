//! A document into a draft of a REST API. Nothing is known here of what the API has already.

pub(crate) mod base_path;
mod documentation;
mod integration;
mod models;
mod operation;
mod parameters;
mod responses;
mod root;
mod security;

use std::collections::{BTreeMap, BTreeSet};

use aws_wire::ServiceError;
use serde_json::{Map, Value};

use super::{Notes, object, reference, text, weigh};
use crate::{
    error::bad_request,
    operations::check_path_part,
    rest_api::record::{Authorizer, DocumentationPart, GatewayResponse, Method, RequestValidator, Texts},
};

pub(crate) use documentation::read as documentation;
pub(crate) use models::Schema;
pub(crate) use responses::is_status;
pub(crate) use root::Settings;

/// More resources, or longer paths, than any API has; they bound what a document may ask for.
const MOST_RESOURCES: usize = 5_000;
const LONGEST_PATH: usize = 4_096;

/// How many bytes references, and what holds for all operations, may multiply a document by.
const MOST_COPIED: usize = 48 << 20;

const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];
const ANY: &str = "x-amazon-apigateway-any-method";

/// What is asked for beside the document, and what the document may name as variables.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub base_path: BasePath,
    pub ignores_documentation: bool,
    /// `EDGE`, `REGIONAL` or `PRIVATE`.
    pub endpoint_type: Option<String>,
    pub region: String,
    pub account: String,
}

/// What becomes of a document's base path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BasePath {
    Ignore,
    /// All paths are below it.
    Prepend,
    /// The first part of it stands for the stage, and all paths are below the rest.
    Split,
}

impl Options {
    pub fn new(region: &str, account: &str) -> Self {
        Self {
            base_path: BasePath::Ignore,
            ignores_documentation: false,
            endpoint_type: None,
            region: region.to_owned(),
            account: account.to_owned(),
        }
    }

    /// Reads the parameters of an import's query. Those of other meanings are not looked at.
    pub fn with(mut self, parameters: &Texts) -> Result<Self, ServiceError> {
        if let Some(base_path) = parameters.get("basepath") {
            self.base_path = base_path::parse(base_path)?;
        }
        self.ignores_documentation = parameters.get("ignore").is_some_and(|what| what == "documentation");
        if let Some(types) = parameters.get("endpointConfigurationTypes") {
            if !["EDGE", "PRIVATE", "REGIONAL"].contains(&types.as_str()) {
                let text = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
                return Err(bad_request(text));
            }
            self.endpoint_type = Some(types.clone());
        }
        Ok(self)
    }
}

/// Which version of OpenAPI a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Swagger2,
    OpenApi3,
}

/// A REST API as a document describes it. Methods name their authorizers and validators where records have ids, and
/// references in schemas are as the document has them.
#[derive(Debug)]
pub(crate) struct Draft {
    pub name: Option<String>,
    pub description: Option<String>,
    pub version: Option<String>,
    pub settings: Settings,
    pub models: Vec<Schema>,
    pub validators: Vec<RequestValidator>,
    pub authorizers: Vec<Authorizer>,
    pub gateway_responses: BTreeMap<String, GatewayResponse>,
    pub documentation: Option<Vec<DocumentationPart>>,
    /// Methods by path, without a slash at the end.
    pub paths: BTreeMap<String, BTreeMap<String, Method>>,
}

/// What reading needs everywhere.
struct Reader<'d> {
    document: &'d Map<String, Value>,
    version: Version,
    options: &'d Options,
    schemes: BTreeMap<String, security::Scheme>,
    models: models::Models,
    notes: Notes,
    /// How many bytes may still be copied to more places than the document has them in.
    budget: usize,
}

/// Reads a document. What is wrong with parts of it is in the notes; what makes it none at all is the error.
pub(crate) fn read(document: &Map<String, Value>, options: &Options) -> Result<(Draft, Notes), ServiceError> {
    let version = version(document)?;
    let mut reader = Reader {
        document,
        version,
        options,
        schemes: BTreeMap::new(),
        models: models::Models::default(),
        notes: Notes::default(),
        budget: MOST_COPIED,
    };
    reader.read_models();
    let authorizers = reader.read_security();
    let settings = reader.read_settings();
    let validators = reader.read_validators();
    let gateway_responses = reader.read_gateway_responses();
    let paths = reader.read_paths(&validators)?;
    let parts = (!options.ignores_documentation).then(|| documentation::read(document));
    let info = object(document, "info");
    let of_info = |name: &str| info.and_then(|info| text(info, name));
    let draft = Draft {
        name: of_info("title"),
        description: of_info("description").filter(|text| !text.is_empty()),
        version: of_info("version"),
        settings,
        models: reader.models.into_schemas(),
        validators,
        authorizers,
        gateway_responses,
        documentation: parts,
        paths,
    };
    Ok((draft, reader.notes))
}

fn version(document: &Map<String, Value>) -> Result<Version, ServiceError> {
    let of = |name: &str| text(document, name).unwrap_or_default();
    if of("swagger").starts_with('2') {
        Ok(Version::Swagger2)
    } else if of("openapi").starts_with("3.") {
        Ok(Version::OpenApi3)
    } else {
        Err(bad_request("Invalid OpenAPI input. (it is neither Swagger 2.0 nor OpenAPI 3.0)"))
    }
}

impl<'d> Reader<'d> {
    /// An object, or the one that its `$ref` leads to.
    fn follow(&mut self, value: &'d Value) -> Option<&'d Map<String, Value>> {
        let found = reference::resolve(self.document, value)?;
        if !std::ptr::eq(found, value) {
            self.charge(found)?;
        }
        found.as_object()
    }

    /// Takes what is read once more from what may be copied; `None` when that is used up.
    fn charge(&mut self, value: &Value) -> Option<()> {
        let left = self.budget.checked_sub(weigh(value, self.budget + 1));
        self.budget = left.unwrap_or_default();
        if left.is_none() && self.notes.errors.is_empty() {
            self.notes.fail(String::from("The document's references make it too large"));
        }
        left.map(drop)
    }

    fn read_paths(
        &mut self,
        validators: &[RequestValidator],
    ) -> Result<BTreeMap<String, BTreeMap<String, Method>>, ServiceError> {
        let document = self.document;
        let base = base_path::of(document, self.version, self.options.base_path);
        let mut paths: BTreeMap<String, BTreeMap<String, Method>> = BTreeMap::new();
        let validator = text(document, operation::VALIDATOR);
        for (path, item) in object(document, "paths").into_iter().flatten() {
            if path.starts_with("x-") {
                continue;
            }
            if self.notes.is_full() {
                break;
            }
            if path.len() + base.len() > LONGEST_PATH || paths.len() > MOST_RESOURCES {
                return Err(bad_request("Invalid OpenAPI input. (it has too many or too long paths)"));
            }
            let whole: String = base.split('/').chain(path.split('/')).filter(|part| !part.is_empty()).fold(
                String::new(),
                |mut whole, part| {
                    whole.push('/');
                    whole.push_str(part);
                    whole
                },
            );
            let whole = if whole.is_empty() { String::from("/") } else { whole };
            let Some(item) = self.follow(item) else {
                self.notes.fail(format!("Unable to create resource at path '{whole}': Invalid path item"));
                continue;
            };
            let mut methods = BTreeMap::new();
            for (name, operation) in item {
                let verb = match name.as_str() {
                    ANY => String::from("ANY"),
                    name if METHODS.contains(&name) => name.to_uppercase(),
                    _ => continue,
                };
                let Some(operation) = operation.as_object() else { continue };
                let given = operation::Given { item, operation, path: &whole, verb: &verb };
                let method = self.read_operation(&given, validators, validator.as_deref());
                methods.insert(verb.clone(), method);
            }
            paths.entry(whole).or_default().extend(methods);
        }
        Ok(paths)
    }
}

impl Draft {
    /// Every path there has to be a resource for, parents first.
    pub fn resources(&self) -> Result<BTreeSet<String>, ServiceError> {
        let mut all = BTreeSet::from([String::from("/")]);
        for path in self.paths.keys() {
            let mut whole = String::new();
            for part in path.split('/').filter(|part| !part.is_empty()) {
                whole.push('/');
                whole.push_str(part);
                if all.contains(&whole) {
                    continue;
                }
                check_path_part(part).map_err(|error| refused(&whole, &error.message))?;
                all.insert(whole.clone());
                if all.len() > MOST_RESOURCES {
                    return Err(bad_request("Invalid OpenAPI input. (it has too many resources)"));
                }
            }
        }
        Ok(all)
    }
}

/// A resource that cannot be.
pub(super) fn refused(path: &str, reason: &str) -> ServiceError {
    bad_request(format!(
        "Errors found during import:\n\tUnable to create resource at path '{path}': {reason}"
    ))
}
