//! The order in which resources are made, each with the calls that make it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    Call, Known, PseudoParameters, Refusal, Refusals, Transformed,
    calls::{self, Reply},
    intrinsics,
};

/// A resource before its properties are resolved.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) properties: Map<String, Value>,
    pub(crate) depends_on: Vec<String>,
    metadata: Value,
}

impl Resource {
    /// The file or folder beside the template that CDK would upload for this property. CDK writes down where it is; the
    /// bucket it names is one that only its own deployment fills.
    pub(crate) fn asset(&self, property: &str) -> Option<String> {
        let text = |name: &str| self.metadata.get(name).and_then(Value::as_str);
        if text("aws:asset:property")? != property || !self.properties.contains_key(property) {
            return None;
        }
        text("aws:asset:path").map(str::to_owned)
    }
}

/// All of a template's resources, in an order in which each finds what it refers to.
#[derive(Debug, Clone)]
pub struct Plan {
    /// One resource each.
    pub steps: Vec<Step>,
    /// What is known so far; the caller gives it on from step to step.
    pub known: Known,
    /// What the template asks for that has no effect on this machine.
    pub notices: Vec<Refusal>,
    outputs: Map<String, Value>,
}

/// One resource.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name in the template.
    pub logical_id: String,
    /// `AWS::Lambda::Function`.
    pub kind: String,
    properties: Value,
    stack: String,
}

/// Attributes of a resource beside its properties. Those that only matter when a stack is changed or removed have no
/// effect on making it.
const BESIDE: &[&str] =
    &["Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"];

/// Reads the resources of a template behind its transform into a plan.
pub(crate) fn plan(
    transformed: Transformed,
    pseudo: &PseudoParameters,
    read: &dyn Fn(&str) -> Result<String, String>,
    delegated: &dyn Fn(&str) -> bool,
) -> Result<Plan, Refusals> {
    let Transformed { known, resources, outputs, mut refusals, notices } = transformed;
    let mut all = Vec::new();
    let mut notices = Refusals(notices);
    for (id, resource) in resources {
        match read_resource(&id, resource, read) {
            Ok(resource) => {
                calls::check(&resource, &known, delegated, &mut refusals);
                for (place, text) in calls::notices(&resource) {
                    notices.add(place, text);
                }
                all.push(resource);
            }
            Err(found) => refusals.0.extend(found.0),
        }
    }
    let all = refusals.into_result(all)?;
    let steps = ordered(all)?.into_iter().map(|resource| Step {
        logical_id: resource.id,
        kind: resource.kind,
        properties: Value::Object(resource.properties),
        stack: pseudo.stack.clone(),
    });
    Ok(Plan { steps: steps.collect(), known, notices: notices.0, outputs })
}

fn read_resource(
    id: &str,
    mut resource: Value,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<Resource, Refusals> {
    let place = format!("Resources.{id}");
    let kind = resource.get("Type").and_then(Value::as_str).map(str::to_owned);
    let kind = kind.ok_or_else(|| Refusals::one(&place, "a resource has a Type"))?;
    let mut refusals = Refusals::default();
    for key in
        resource.as_object().into_iter().flat_map(Map::keys).filter(|key| !BESIDE.contains(&key.as_str()))
    {
        refusals.add(format!("{place}.{key}"), "Tule does not know this attribute of a resource");
    }
    let depends_on = match resource.get("DependsOn") {
        Some(Value::String(id)) => vec![id.clone()],
        Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let properties = match resource.get_mut("Properties").map(Value::take) {
        None => Map::new(),
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(Refusals::one(format!("{place}.Properties"), "properties are a map")),
    };
    let metadata = resource.get_mut("Metadata").map(Value::take).unwrap_or_default();
    let mut resource = Resource { id: id.to_owned(), kind, properties, depends_on, metadata };
    // A function's code at a local path is packaged when it is deployed.
    if let Some(path) = resource.asset("Code") {
        resource.properties.insert("Code".to_owned(), Value::from(path));
    }
    if let Err(found) = calls::read_files(&mut resource, read) {
        refusals.0.extend(found.0);
    }
    refusals.into_result(resource)
}

/// Every resource behind those it names; among equals domain names come first, then the template's order. A domain name
/// of a stack made before goes with its mappings, and an API that is mapped cannot be replaced.
fn ordered(resources: Vec<Resource>) -> Result<Vec<Resource>, Refusals> {
    let ids: BTreeSet<String> = resources.iter().map(|resource| resource.id.clone()).collect();
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for resource in &resources {
        let mut named: BTreeSet<String> = resource.depends_on.iter().cloned().collect();
        resource.properties.values().for_each(|value| intrinsics::references(value, &mut named));
        named.retain(|id| ids.contains(id) && *id != resource.id);
        needs.insert(resource.id.clone(), named);
    }
    let mut done = BTreeSet::new();
    let mut order = Vec::new();
    let mut waiting = resources;
    while !waiting.is_empty() {
        let (mut ready, still): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|resource| needs[&resource.id].is_subset(&done));
        if ready.is_empty() {
            let names: Vec<_> = still.iter().map(|resource| resource.id.as_str()).collect();
            return Err(Refusals::one(
                "Resources",
                format!("these resources refer to each other in a circle: {}", names.join(", ")),
            ));
        }
        ready.sort_by_key(|resource| !resource.kind.ends_with("::DomainName"));
        done.extend(ready.iter().map(|resource| resource.id.clone()));
        order.extend(ready);
        waiting = still;
    }
    Ok(order)
}

impl Step {
    /// A property as the template has it, its functions not evaluated.
    pub fn property(&self, name: &str) -> Option<&Value> {
        self.properties.get(name)
    }

    /// The calls that make this resource, with what earlier steps gave. They are made in order; what one saves, later
    /// ones use.
    pub fn calls(&self, known: &Known) -> Result<Vec<Call>, Refusals> {
        let place = format!("Resources.{}.Properties", self.logical_id);
        let properties = known.resolve(&self.properties, &place)?;
        calls::calls(self.named(&properties), known)
    }

    /// Makes what the calls gave known to later steps.
    pub fn made(&self, saved: &BTreeMap<String, Value>, known: &mut Known) -> Result<(), Refusals> {
        let place = format!("Resources.{}.Properties", self.logical_id);
        let properties = known.resolve(&self.properties, &place)?;
        let Reply { reference, attributes } = calls::reply(self.named(&properties), saved, known);
        known.set_ref(&self.logical_id, reference);
        for (name, value) in attributes {
            known.set_attribute(&self.logical_id, name, value);
        }
        Ok(())
    }

    fn named<'s>(&'s self, properties: &'s Value) -> calls::Named<'s> {
        calls::Named { id: &self.logical_id, kind: &self.kind, stack: &self.stack, properties }
    }
}

impl Plan {
    /// The template's outputs, once every step is made: name, value, description.
    pub fn outputs(&self, known: &Known) -> Result<Vec<(String, Value, Option<String>)>, Refusals> {
        let mut outputs = Vec::new();
        for (name, output) in &self.outputs {
            let place = format!("Outputs.{name}");
            let condition = output.get("Condition").and_then(Value::as_str);
            if !condition.map_or(Ok(true), |condition| known.condition(condition, &place))? {
                continue;
            }
            let value = known.resolve(output.get("Value").unwrap_or(&Value::Null), &place)?;
            let description = output.get("Description").and_then(Value::as_str).map(str::to_owned);
            outputs.push((name.clone(), value, description));
        }
        Ok(outputs)
    }
}
