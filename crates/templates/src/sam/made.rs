//! What the transform has made so far, and the ids under which templates refer to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Refusal, Refusals};

/// Resources by their ids.
#[derive(Default)]
pub(super) struct Made {
    pub(super) resources: Map<String, Value>,
    /// `Api.Stage`, as a template writes it, and the id of what that is; and ids that got a hash at their end.
    references: BTreeMap<String, String>,
    /// Ids that more than one resource came to have.
    clashes: Refusals,
    /// What has no effect.
    notices: Refusals,
}

/// What came of the transform.
pub(crate) struct Transformation {
    pub(crate) resources: Map<String, Value>,
    /// For what else refers to the resources.
    pub(crate) references: References,
    pub(crate) refusals: Refusals,
    pub(crate) notices: Vec<Refusal>,
}

impl Made {
    pub(super) fn get(&self, id: &str) -> Option<&Value> {
        self.resources.get(id)
    }

    /// Adds a resource as it is. Of two resources with one id one would be lost without a word, unless they are the same.
    pub(super) fn insert(&mut self, id: String, resource: Value) {
        if let Some(before) = self.resources.get(&id).filter(|before| **before != resource) {
            let kind = |resource: &Value| {
                resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let text = format!(
                "two resources have this id behind the transform: one of type {}, one of type {}; name one of them in \
                 another way",
                kind(before),
                kind(&resource)
            );
            self.clashes.add(format!("Resources.{id}"), text);
        }
        self.resources.insert(id, resource);
    }

    /// Adds a resource in the place of what it was made of.
    pub(super) fn replace(&mut self, id: String, resource: Value) {
        self.resources.insert(id, resource);
    }

    /// Says of something in the template that it has no effect.
    pub(super) fn notice(&mut self, notices: Refusals) {
        self.notices.0.extend(notices.0);
    }

    /// Adds a resource; `beside` stands beside its properties.
    pub(super) fn add(
        &mut self,
        id: &str,
        kind: &str,
        properties: Map<String, Value>,
        beside: &Map<String, Value>,
    ) {
        self.insert(id.to_owned(), resource(kind, properties, beside));
    }

    /// Adds the permission of a service to invoke a function.
    pub(super) fn add_permission(
        &mut self,
        id: &str,
        function: Value,
        principal: &str,
        source: Option<Value>,
        beside: &Map<String, Value>,
    ) {
        let mut properties = Map::new();
        properties.insert("Action".to_owned(), Value::from("lambda:InvokeFunction"));
        properties.insert("FunctionName".to_owned(), function);
        properties.insert("Principal".to_owned(), Value::from(principal));
        properties.extend(source.map(|source| ("SourceArn".to_owned(), source)));
        self.add(id, "AWS::Lambda::Permission", properties, beside);
    }

    /// `Ref: serverless.part` is `Ref: id` from here on.
    pub(super) fn refer(&mut self, serverless: &str, part: &str, id: &str) {
        self.references.insert(format!("{serverless}.{part}"), id.to_owned());
    }

    /// A serverless resource became one with another id.
    pub(super) fn rename(&mut self, serverless: &str, id: &str) {
        self.references.insert(serverless.to_owned(), id.to_owned());
    }

    /// The resources with references to what they are now, and all that was found out about them.
    pub(super) fn finish(self, mut refusals: Refusals) -> Transformation {
        let references = References(self.references);
        let mut resources = self.resources;
        if !references.0.is_empty() {
            resources.values_mut().for_each(|resource| references.apply(resource));
        }
        refusals.0.extend(self.clashes.0);
        Transformation { resources, references, refusals, notices: self.notices.0 }
    }
}

/// A resource whose properties have `beside` beside them.
pub(super) fn resource(kind: &str, properties: Map<String, Value>, beside: &Map<String, Value>) -> Value {
    let mut resource = beside.clone();
    resource.insert("Type".to_owned(), Value::from(kind));
    resource.insert("Properties".to_owned(), Value::Object(properties));
    Value::Object(resource)
}

/// Ids that templates use, and those that the transform gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct References(BTreeMap<String, String>);

impl References {
    /// Replaces ids in `Ref`, `Fn::GetAtt`, `Fn::Sub` and `DependsOn`.
    pub(crate) fn apply(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    match (name.as_str(), &mut *value) {
                        ("Ref" | "DependsOn", Value::String(id)) => self.rename(id),
                        ("Fn::GetAtt", Value::Array(parts)) => self.attribute(parts),
                        ("Fn::Sub", Value::String(text)) => *text = self.in_text(text),
                        ("Fn::Sub", Value::Array(parts)) => {
                            if let Some(Value::String(text)) = parts.first_mut() {
                                *text = self.in_text(text);
                            }
                            parts.iter_mut().for_each(|part| self.apply(part));
                        }
                        ("DependsOn", Value::Array(ids)) => {
                            for id in ids {
                                if let Value::String(id) = id {
                                    self.rename(id);
                                }
                            }
                        }
                        _ => self.apply(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn rename(&self, id: &mut String) {
        if let Some(now) = self.0.get(id.as_str()) {
            id.clone_from(now);
        }
    }

    /// `[Function.Alias, Name]`, which short forms write as `[Function, Alias.Name]`.
    fn attribute(&self, parts: &mut Vec<Value>) {
        let texts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
        if texts.len() != parts.len() {
            return;
        }
        let whole = texts.join(".");
        let mut pieces = whole.splitn(3, '.');
        let (Some(id), Some(part)) = (pieces.next(), pieces.next()) else { return };
        let found = match (self.0.get(&format!("{id}.{part}")), pieces.next()) {
            (Some(now), Some(rest)) => Some((now, rest)),
            _ => self.0.get(id).map(|now| (now, &whole[id.len() + 1..])),
        };
        if let Some((now, rest)) = found {
            *parts = vec![Value::from(now.as_str()), Value::from(rest)];
        }
    }

    /// The names in a text: `${Api.Stage}`, `${Layer}`, `${Function.Alias.Name}`.
    fn in_text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            let Some((name, behind)) = after.split_once('}') else { break };
            let longest = [2, 1].into_iter().find_map(|count| {
                let key: String = name.split('.').take(count).collect::<Vec<_>>().join(".");
                self.0.get(&key).map(|now| format!("{now}{}", &name[key.len()..]))
            });
            out.push_str(longest.as_deref().unwrap_or(name));
            out.push('}');
            rest = behind;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_serverless_resources_are_found_wherever_they_are_named() {
        let mut made = Made::default();
        made.refer("Api", "Stage", "ApiProdStage");
        made.refer("F", "Alias", "FAliaslive");
        made.rename("Layer", "Layer0123456789");
        let references = made.finish(Refusals::default()).references;
        let mut value = json!({
            "a": {"Ref": "Api.Stage"}, "b": [{"Ref": "Layer"}, {"Ref": "Api"}], "c": {"Fn::GetAtt": ["F.Alias", "Name"]},
            "d": {"Fn::GetAtt": ["F", "Alias.Name"]}, "e": {"Fn::Sub": "${Api.Stage}/${Layer}/${F.Arn}/${!Layer}/${"},
            "f": {"Fn::Sub": ["${Layer}${x}", {"x": {"Ref": "Layer"}}]}, "DependsOn": ["Layer", "Api"],
        });
        references.apply(&mut value);
        assert_eq!(
            value,
            json!({
                "a": {"Ref": "ApiProdStage"}, "b": [{"Ref": "Layer0123456789"}, {"Ref": "Api"}],
                "c": {"Fn::GetAtt": ["FAliaslive", "Name"]}, "d": {"Fn::GetAtt": ["FAliaslive", "Name"]},
                "e": {"Fn::Sub": "${ApiProdStage}/${Layer0123456789}/${F.Arn}/${!Layer}/${"},
                "f": {"Fn::Sub": ["${Layer0123456789}${x}", {"x": {"Ref": "Layer0123456789"}}]},
                "DependsOn": ["Layer0123456789", "Api"],
            })
        );
    }
}
