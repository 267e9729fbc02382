//! A draft becomes an API's records: a new one's, or one's that is there, over which it goes or into which it is merged.
//!
//! A function of values. What keeps its name (a resource's path, an authorizer's name) keeps its id.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;

use super::{
    import::{self, Draft, Schema},
    reference,
};
use crate::rest_api::record::{
    Authorizer, DocumentationPart, Method, Model, RequestValidator, Resource, RestApi,
};

/// How a draft goes with what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Merge,
    Overwrite,
}

/// Records as they are to be.
#[derive(Debug)]
pub(crate) struct Made {
    pub api: RestApi,
    pub resources: Vec<Resource>,
    /// Ids of resources that are no more.
    pub gone: Vec<String>,
}

/// Makes new identifiers, of so many characters.
pub(crate) type NewId = fn(usize) -> String;

/// Puts a draft into an API with these resources.
pub(crate) fn apply(
    draft: Draft,
    mut api: RestApi,
    before: &[Arc<Resource>],
    mode: Mode,
    new_id: NewId,
) -> Result<Made, ServiceError> {
    let paths = draft.resources()?;
    settle(&mut api, &draft, mode);
    put_models(&mut api, draft.models, mode, new_id);
    put_validators(&mut api, draft.validators, mode, new_id);
    put_authorizers(&mut api, draft.authorizers, mode, new_id);
    if mode == Mode::Overwrite {
        api.gateway_responses.clear();
    }
    api.gateway_responses.extend(draft.gateway_responses);
    if let Some(parts) = draft.documentation {
        document(&mut api, parts, mode, new_id);
    }
    let mut tree = Tree::new(&api, before, mode, new_id);
    for path in &paths {
        tree.add(path)?;
    }
    let ids = Ids::of(&api);
    for (path, methods) in draft.paths {
        if let Some(resource) = tree.made.get_mut(&path) {
            for (verb, method) in methods {
                resource.resource_methods.insert(verb, ids.named(method, &resource.id));
            }
        }
    }
    let gone =
        before.iter().filter(|old| !tree.made.contains_key(&old.path)).map(|old| old.id.clone()).collect();
    Ok(Made { resources: tree.made.into_values().collect(), gone, api })
}

fn settle(api: &mut RestApi, draft: &Draft, mode: Mode) {
    let settings = &draft.settings;
    if let Some(name) = draft.name.as_ref().filter(|name| !name.is_empty()) {
        api.name.clone_from(name);
    }
    if mode == Mode::Overwrite {
        api.description = None;
        api.version = None;
        api.binary_media_types.clear();
        api.minimum_compression_size = None;
        api.policy = None;
        api.api_key_source = String::from("HEADER");
        api.disable_execute_api_endpoint = false;
    }
    let or = |new: &Option<String>, old: &mut Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    or(&draft.description, &mut api.description);
    or(&draft.version, &mut api.version);
    or(&settings.policy, &mut api.policy);
    or(&settings.security_policy, &mut api.security_policy);
    for media_type in &settings.binary_media_types {
        if !api.binary_media_types.contains(media_type) {
            api.binary_media_types.push(media_type.clone());
        }
    }
    if settings.minimum_compression_size.is_some() {
        api.minimum_compression_size = settings.minimum_compression_size;
    }
    if let Some(source) = &settings.api_key_source {
        api.api_key_source.clone_from(source);
    }
    if let Some(endpoint_type) = &settings.endpoint_type {
        api.endpoint_type.clone_from(endpoint_type);
        if endpoint_type == "PRIVATE" {
            api.ip_address_type = String::from("dualstack");
        }
    }
    if let Some(ids) = &settings.vpc_endpoint_ids {
        api.vpc_endpoint_ids.clone_from(ids);
    }
    if let Some(disabled) = settings.disable_execute_api_endpoint {
        api.disable_execute_api_endpoint = disabled;
    }
}

/// Puts new ones in the places of those of the same name, or behind the others. When new ones are all there is to be,
/// those that have no new one go.
fn put_named<T>(
    known: &mut Vec<T>,
    new: Vec<T>,
    mode: Mode,
    name: impl Fn(&T) -> &str,
    adopt: impl Fn(&mut T, Option<&T>),
) {
    let old = std::mem::take(known);
    let places: BTreeMap<&str, usize> = old.iter().enumerate().map(|(at, one)| (name(one), at)).collect();
    let mut made: Vec<T> = Vec::with_capacity(new.len());
    let mut replaced = vec![false; old.len()];
    for mut one in new {
        let place = places.get(name(&one)).copied();
        if let Some(place) = place {
            replaced[place] = true;
        }
        adopt(&mut one, place.map(|place| &old[place]));
        made.push(one);
    }
    if mode == Mode::Merge {
        let kept = old.into_iter().zip(replaced).filter(|(_, is_replaced)| !is_replaced);
        known.extend(kept.map(|(one, _)| one));
    }
    known.extend(made);
}

fn put_models(api: &mut RestApi, schemas: Vec<Schema>, mode: Mode, new_id: NewId) {
    let id = api.id.clone();
    let model = |Schema { name, description, mut schema }: Schema| {
        reference::rewrite(&mut schema, &|target| {
            reference::model(target).map(|name| reference::canonical(&id, name))
        });
        let schema = serde_json::to_string_pretty(&schema).unwrap_or_default();
        let content_type = String::from("application/json");
        Model { id: String::new(), name, description, schema, content_type }
    };
    let new = schemas.into_iter().map(model).collect();
    put_named(
        &mut api.models,
        new,
        mode,
        |model| &model.name,
        |model, old| {
            model.id = old.map_or_else(|| new_id(6), |old| old.id.clone());
        },
    );
}

fn put_validators(api: &mut RestApi, new: Vec<RequestValidator>, mode: Mode, new_id: NewId) {
    let name = |validator: &RequestValidator| -> String { validator.name.clone().unwrap_or_default() };
    let known: BTreeMap<String, String> =
        api.request_validators.iter().map(|old| (name(old), old.id.clone())).collect();
    let new: Vec<RequestValidator> = new
        .into_iter()
        .map(|validator| RequestValidator {
            id: known.get(&name(&validator)).cloned().unwrap_or_else(|| new_id(6)),
            ..validator
        })
        .collect();
    if mode == Mode::Overwrite {
        api.request_validators.clear();
    }
    api.request_validators.retain(|old| !new.iter().any(|new| new.id == old.id));
    api.request_validators.extend(new);
}

fn put_authorizers(api: &mut RestApi, new: Vec<Authorizer>, mode: Mode, new_id: NewId) {
    put_named(
        &mut api.authorizers,
        new,
        mode,
        |authorizer| &authorizer.name,
        |authorizer, old| {
            authorizer.id = old.map_or_else(|| new_id(6), |old| old.id.clone());
        },
    );
}

/// Puts documentation into an API; the ids of what was put.
pub(crate) fn document(
    api: &mut RestApi,
    parts: Vec<DocumentationPart>,
    mode: Mode,
    new_id: NewId,
) -> Vec<String> {
    let key = |part: &DocumentationPart| serde_json::to_string(&part.location).unwrap_or_default();
    let old = std::mem::take(&mut api.documentation_parts);
    let known: BTreeMap<String, String> = old.iter().map(|part| (key(part), part.id.clone())).collect();
    let mut made = Vec::with_capacity(parts.len());
    let mut places = std::collections::HashSet::new();
    for mut part in parts {
        let place = key(&part);
        part.id = known.get(&place).cloned().unwrap_or_else(|| new_id(6));
        places.insert(place);
        made.push(part);
    }
    if mode == Mode::Merge {
        api.documentation_parts.extend(old.into_iter().filter(|part| !places.contains(&key(part))));
    }
    let ids = made.iter().map(|part| part.id.clone()).collect();
    api.documentation_parts.extend(made);
    ids
}

/// The resources of an API by path.
struct Tree {
    made: BTreeMap<String, Resource>,
    ids: BTreeMap<String, String>,
    /// The variable below a path. There is one, greedy or not.
    variables: BTreeMap<String, String>,
    new_id: NewId,
}

impl Tree {
    fn new(api: &RestApi, before: &[Arc<Resource>], mode: Mode, new_id: NewId) -> Self {
        let mut tree = Self {
            made: BTreeMap::new(),
            ids: before.iter().map(|old| (old.path.clone(), old.id.clone())).collect(),
            variables: BTreeMap::new(),
            new_id,
        };
        tree.ids.insert(String::from("/"), api.root_resource_id.clone());
        if mode == Mode::Merge {
            for old in before {
                tree.note_variable(&old.path);
                tree.made.insert(old.path.clone(), Resource::clone(old));
            }
        }
        tree
    }

    fn note_variable(&mut self, path: &str) -> Option<String> {
        let (parent, part) = path.rsplit_once('/')?;
        if !part.starts_with('{') {
            return None;
        }
        self.variables.insert(parent.to_owned(), part.to_owned())
    }

    /// Adds the resource of a path, whose parent has been added.
    fn add(&mut self, path: &str) -> Result<(), ServiceError> {
        if self.made.contains_key(path) {
            return Ok(());
        }
        let (above, part) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = if above.is_empty() { "/" } else { above };
        if above.ends_with("+}") {
            return Err(import::refused(
                path,
                &format!("Cannot create a child of a resource with a greedy path variable: {above}"),
            ));
        }
        if let Some(other) = self.note_variable(path) {
            return Err(import::refused(
                path,
                &format!(
                    "A sibling ({other}) of this resource already has a variable path part -- only one is allowed"
                ),
            ));
        }
        let is_root = path == "/";
        let parent_id = if is_root { None } else { self.ids.get(parent).cloned() };
        let length = if is_root { 10 } else { 6 };
        let new_id = self.new_id;
        let id = self.ids.entry(path.to_owned()).or_insert_with(|| new_id(length)).clone();
        let resource = Resource {
            id,
            parent_id,
            path_part: (!is_root).then(|| part.to_owned()),
            path: path.to_owned(),
            resource_methods: BTreeMap::new(),
        };
        self.made.insert(path.to_owned(), resource);
        Ok(())
    }
}

/// The ids of what methods of a draft name.
struct Ids {
    authorizers: BTreeMap<String, String>,
    validators: BTreeMap<String, String>,
}

impl Ids {
    fn of(api: &RestApi) -> Self {
        let validators = api.request_validators.iter();
        Self {
            authorizers: api.authorizers.iter().map(|it| (it.name.clone(), it.id.clone())).collect(),
            validators: validators.filter_map(|it| Some((it.name.clone()?, it.id.clone()))).collect(),
        }
    }

    fn named(&self, mut method: Method, resource: &str) -> Method {
        method.authorizer_id = method.authorizer_id.and_then(|name| self.authorizers.get(&name).cloned());
        method.request_validator_id =
            method.request_validator_id.and_then(|name| self.validators.get(&name).cloned());
        if let Some(integration) = &mut method.method_integration
            && integration.cache_namespace.is_empty()
        {
            resource.clone_into(&mut integration.cache_namespace);
        }
        method
    }
}
