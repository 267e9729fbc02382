//! The SAM transform (`AWS::Serverless-2016-10-31`): serverless resources into CloudFormation's own, as the real transform
//! makes them, under the logical ids that it gives, because templates refer to them.
//!
//! Resources whose conditions do not hold are gone before: the transform has no conditions to carry along.

mod apis;
mod authorizer;
mod bucket;
mod capacity_provider;
mod document;
mod domain;
mod event;
mod event_source;
mod function;
mod globals;
mod http;
mod intrinsic;
mod layer;
mod logical_id;
mod made;
mod rest;
mod role;
mod rule;
mod simple_table;
mod state_machine;
mod topic;
mod web_socket;

use serde_json::{Map, Value, json};

use crate::{Known, Refusals};
use apis::Apis;
use made::Made;
pub(crate) use made::Transformation;

/// Replaces every `AWS::Serverless::…` resource. What cannot be transformed is left out and complained about.
pub(crate) fn transform(
    resources: Map<String, Value>,
    globals: Option<&Map<String, Value>>,
    known: &Known,
) -> Transformation {
    let mut work = Work {
        made: Made::default(),
        apis: Apis::new(globals, known),
        refusals: Refusals::default(),
        notified: Vec::new(),
        known,
    };
    globals::check(globals, &mut work.refusals);
    for (id, resource) in &resources {
        if let Some(kind) = ApiKind::of(resource) {
            let found = serverless(id, resource, globals, &mut work.refusals);
            work.apis.declare(id, kind, found, &mut work.refusals);
        }
    }
    for (id, resource) in resources {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        let transform: fn(&str, &Serverless, &mut Work<'_>) = match kind {
            "AWS::Serverless::Function" => function::transform,
            "AWS::Serverless::StateMachine" => state_machine::transform,
            "AWS::Serverless::LayerVersion" => layer::transform,
            "AWS::Serverless::SimpleTable" => simple_table::transform,
            "AWS::Serverless::WebSocketApi" => web_socket::transform,
            "AWS::Serverless::CapacityProvider" => capacity_provider::transform,
            "AWS::Serverless::Api" | "AWS::Serverless::HttpApi" => continue,
            other if other.starts_with("AWS::Serverless::") => {
                let text = format!("Tule does not transform resources of type {other} yet");
                work.refusals.add(format!("Resources.{id}"), text);
                continue;
            }
            _ => {
                work.made.insert(id, resource);
                continue;
            }
        };
        let found = serverless(&id, &resource, globals, &mut work.refusals);
        transform(&id, &found, &mut work);
    }
    let Work { mut made, apis, mut refusals, notified, .. } = work;
    apis.make(&mut made, &mut refusals);
    bucket::finish(notified, &mut made.resources, &mut refusals);
    made.finish(refusals)
}

/// The transform under way.
struct Work<'g> {
    made: Made,
    apis: Apis<'g>,
    refusals: Refusals,
    /// What buckets are to tell functions.
    notified: Vec<bucket::Notified>,
    known: &'g Known,
}

/// Which of the two API kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ApiKind {
    Rest,
    Http,
}

impl ApiKind {
    fn of(resource: &Value) -> Option<Self> {
        let kind = resource.get("Type")?.as_str()?;
        [Self::Rest, Self::Http].into_iter().find(|it| it.name() == kind)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rest => "AWS::Serverless::Api",
            Self::Http => "AWS::Serverless::HttpApi",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Rest => "Api",
            Self::Http => "HttpApi",
        }
    }

    /// The property of events that names the API.
    fn id_property(self) -> &'static str {
        match self {
            Self::Rest => "RestApiId",
            Self::Http => "ApiId",
        }
    }

    /// The id of the API that events make where they name none.
    fn implicit(self) -> &'static str {
        match self {
            Self::Rest => "ServerlessRestApi",
            Self::Http => "ServerlessHttpApi",
        }
    }
}

/// Attributes of a serverless resource that the one made of it has.
const BESIDE: &[&str] = &["Condition", "DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"];

/// Properties of serverless resources of all kinds that are maps, or nothing at all would be read of them.
const MAPS: &[&str] = &["Events", "GatewayResponses", "Models", "Tags"];

fn cloned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// A serverless resource: its properties with the globals in them, and what stands beside them.
struct Serverless {
    properties: Map<String, Value>,
    beside: Map<String, Value>,
}

fn serverless(
    id: &str,
    resource: &Value,
    globals: Option<&Map<String, Value>>,
    refusals: &mut Refusals,
) -> Serverless {
    let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
    let own = match resource.get("Properties") {
        None => Map::new(),
        Some(Value::Object(own)) => own.clone(),
        Some(_) => {
            refusals.add(format!("Resources.{id}.Properties"), "properties are a map");
            Map::new()
        }
    };
    let given = resource.as_object().cloned().unwrap_or_default();
    if given.contains_key("Connectors") {
        refusals.add(
            format!("Resources.{id}.Connectors"),
            "Tule does not connect resources by SAM's connectors yet",
        );
    }
    // The real transform drops every other attribute.
    let is_kept = |name: &str| BESIDE.contains(&name);
    let beside: Map<String, Value> = given.iter().filter(|(name, _)| is_kept(name)).map(cloned).collect();
    let mut globals = globals.cloned();
    match given.get("IgnoreGlobals") {
        None => {}
        Some(all) if all == "*" => globals = None,
        Some(Value::Array(names)) => {
            let section = globals.as_mut().and_then(|globals| globals.get_mut(globals::section_of(kind)?));
            if let Some(section) = section.and_then(Value::as_object_mut) {
                names.iter().filter_map(Value::as_str).for_each(|name| drop(section.shift_remove(name)));
            }
        }
        Some(_) => {
            refusals.add(format!("Resources.{id}.IgnoreGlobals"), "this is '*' or a list of properties");
        }
    }
    Serverless { properties: globals::merged(globals.as_ref(), kind, own), beside }
}

impl Serverless {
    fn check(&self, id: &str, known: &[&str], kind: &str, refusals: &mut Refusals) {
        for name in self.properties.keys().filter(|name| !known.contains(&name.as_str())) {
            let place = format!("Resources.{id}.Properties.{name}");
            refusals.add(place, format!("Tule does not apply this property of {kind} yet"));
        }
        for name in MAPS {
            let given = self.properties.get(*name).filter(|value| !value.is_null());
            if given.is_some_and(|value| !value.is_object()) {
                let place = format!("Resources.{id}.Properties.{name}");
                refusals.add(place, format!("Property '{name}' should be a map."));
            }
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str)
    }

    fn get(&self, name: &str) -> Option<&Value> {
        intrinsic::said(&self.properties, name)
    }

    /// Properties under the same name, those that are there.
    fn same(&self, names: &[&str]) -> Map<String, Value> {
        let named =
            names.iter().filter_map(|name| Some(((*name).to_owned(), self.properties.get(*name)?.clone())));
        named.filter(|(_, value)| !value.is_null()).collect()
    }

    /// What stands beside all that is made of this resource, beside itself.
    fn derived(&self) -> Map<String, Value> {
        let passed = ["Condition", "DeletionPolicy", "UpdateReplacePolicy"];
        let passed =
            passed.iter().filter_map(|name| Some(((*name).to_owned(), self.beside.get(*name)?.clone())));
        passed.collect()
    }

    /// The tags that go to all that is made of this resource, where they are to.
    fn propagated(&self) -> Option<&Value> {
        self.get("Tags").filter(|_| self.get("PropagateTags").is_some())
    }

    /// Takes on the tags of a function, to have them go to all that is made of this.
    fn add_tags(&mut self, tags: &Value) {
        let all = self.properties.entry("Tags").or_insert_with(|| json!({}));
        if let (Some(all), Some(tags)) = (all.as_object_mut(), tags.as_object()) {
            all.extend(tags.clone());
        }
        self.properties.insert("PropagateTags".to_owned(), Value::Bool(true));
    }

    /// The resource's tags, behind the one that says who made it.
    fn tags(&self, created_by: &str) -> Value {
        let mut tags = vec![json!({ "Key": created_by, "Value": "SAM" })];
        tags.extend(intrinsic::tag_list(self.properties.get("Tags")));
        Value::Array(tags)
    }
}

/// Where a document is: in S3, or in a file beside the template, which is read when that is planned.
fn document_location(given: &Value, place: &str, refusals: &mut Refusals) -> Value {
    match given.as_str() {
        Some(path) if !path.starts_with("s3://") => Value::from(path),
        _ => s3_location(given, ["Bucket", "Key", "Version"], place, refusals),
    }
}

/// An object in S3: `s3://bucket/key?versionId=…`, or a map, which has the version under the name of either.
fn s3_location(
    given: &Value,
    [bucket, key, version]: [&str; 3],
    place: &str,
    refusals: &mut Refusals,
) -> Value {
    let mut location = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        location.extend(value.map(|value| (name.to_owned(), value)));
    };
    match given.as_str() {
        Some(uri) => {
            let (of_bucket, rest) = uri.trim_start_matches("s3://").split_once('/').unwrap_or_default();
            let (of_key, query) = rest.split_once('?').unwrap_or((rest, ""));
            set(bucket, Some(Value::from(of_bucket)));
            set(key, Some(Value::from(of_key)));
            let found = query.split('&').find_map(|pair| pair.strip_prefix("versionId="));
            set(version, found.map(Value::from));
        }
        None => {
            for (name, value) in intrinsic::map_entries(Some(given), place, refusals) {
                match name.as_str() {
                    "Bucket" => set(bucket, Some(value.clone())),
                    "Key" => set(key, Some(value.clone())),
                    "Version" | "VersionId" => set(version, Some(value.clone())),
                    _ => refusals
                        .add(format!("{place}.{name}"), "an object in S3 has a Bucket, a Key and a Version"),
                }
            }
            if location.len() < 2 || !location.contains_key(bucket) || !location.contains_key(key) {
                refusals.add(place, "this requires Bucket and Key properties to be specified");
            }
        }
    }
    Value::Object(location)
}
