//! A template: parsed, its sections known, its parameters and conditions given values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Known, Plan, PseudoParameters, Refusal, Refusals, document, language_extensions, plan, sam};

/// A template's document.
#[derive(Debug, Clone)]
pub struct Template {
    document: Map<String, Value>,
    /// Values of Systems Manager's parameters by their names there.
    stored: BTreeMap<String, String>,
}

/// A template behind its transform.
#[derive(Debug, Clone)]
pub struct Transformed {
    /// What is known before any resource is made.
    pub known: Known,
    /// The resources by their logical ids.
    pub resources: Map<String, Value>,
    /// The section `Outputs`.
    pub outputs: Map<String, Value>,
    /// What the transform refused.
    pub refusals: Refusals,
    /// What the transform found to have no effect.
    pub notices: Vec<Refusal>,
}

const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// CloudFormation's limit.
const MOST_RESOURCES: usize = 500;
const SAM: &str = "AWS::Serverless-2016-10-31";
const EXTENSIONS: &str = "AWS::LanguageExtensions";
/// Before the type of what Systems Manager keeps under a parameter's value.
const STORED: &str = "AWS::SSM::Parameter::Value<";

/// Every template of CDK's asks how new the stack is that its own deployments need. A deployment here needs none.
const BOOTSTRAP: &str = "BootstrapVersion";
const BOOTSTRAP_RULE: &str = "CheckBootstrapVersion";

fn is_bootstrap(value: &Value) -> bool {
    value.as_str().is_some_and(|value| value.starts_with("/cdk-bootstrap/"))
}

impl Template {
    /// Reads YAML or JSON.
    pub fn parse(text: &str) -> Result<Self, Refusals> {
        let document = document::parse(text).map_err(|error| Refusals::one("template", error.to_string()))?;
        let Value::Object(document) = document else {
            return Err(Refusals::one("template", "the document is no map of sections"));
        };
        let mut refusals = Refusals::default();
        for section in document.keys().filter(|section| !SECTIONS.contains(&section.as_str())) {
            refusals.add(section.as_str(), "Tule does not know this section of a template");
        }
        for section in ["Conditions", "Globals", "Mappings", "Outputs", "Parameters"] {
            if document.get(section).is_some_and(|given| !given.is_object() && !given.is_null()) {
                refusals.add(section, "this section is a map");
            }
        }
        let rules = document.get("Rules").and_then(Value::as_object);
        for rule in rules.into_iter().flat_map(Map::keys).filter(|rule| *rule != BOOTSTRAP_RULE) {
            refusals.add(format!("Rules.{rule}"), "Tule does not check the rules of templates yet");
        }
        check_count(&document, &mut refusals);
        refusals.into_result(Self { document, stored: BTreeMap::new() })
    }

    /// The names of what the template wants read from Systems Manager, as `given` and defaults have them.
    pub fn wants_stored(&self, given: &BTreeMap<String, String>) -> Vec<String> {
        let declared = self.section("Parameters").into_iter().flatten();
        let wanted = declared.filter_map(|(name, parameter)| {
            let kind = parameter.get("Type")?.as_str()?;
            let default = || parameter.get("Default").and_then(Value::as_str).map(str::to_owned);
            let value = given.get(name).cloned().or_else(default)?;
            let is_bootstrap = name == BOOTSTRAP && is_bootstrap(&Value::from(value.as_str()));
            (kind.starts_with(STORED) && !is_bootstrap).then_some(value)
        });
        wanted.collect()
    }

    /// The template with what [`Template::wants_stored`] named.
    #[must_use]
    pub fn with_stored(self, stored: BTreeMap<String, String>) -> Self {
        Self { stored, ..self }
    }

    /// Plans the calls that make this template's resources. `parameters` are the values given; `read` gives the text
    /// of a file that the template names (a state machine's definition); `delegated` says whether another endpoint
    /// serves a service (`dynamodb`).
    pub fn plan(
        &self,
        pseudo: &PseudoParameters,
        parameters: &BTreeMap<String, String>,
        read: &dyn Fn(&str) -> Result<String, String>,
        delegated: &dyn Fn(&str) -> bool,
    ) -> Result<Plan, Refusals> {
        let included = self.with_files(read)?;
        let whole = included.as_ref().unwrap_or(self);
        plan::plan(whole.transformed(pseudo, parameters)?, pseudo, read, delegated)
    }

    /// The resources that are wanted, behind the template's transform.
    pub fn transformed(
        &self,
        pseudo: &PseudoParameters,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Transformed, Refusals> {
        let mut known = Known::new(pseudo);
        known.mappings = self.section("Mappings").cloned().unwrap_or_default();
        self.parameters(&mut known, parameters)?;
        let transforms = Transforms::of(self.document.get("Transform"))?;
        known.is_extended = transforms.are_extensions;
        let extended = self.extended(&known)?;
        let whole = extended.as_ref().unwrap_or(self);
        whole.conditions(&mut known)?;
        let resources = whole.wanted(&known)?;
        let mut outputs = Value::Object(whole.section("Outputs").cloned().unwrap_or_default());
        let (resources, refusals, notices) = if transforms.is_sam {
            let made = sam::transform(resources, whole.section("Globals"), &known);
            made.references.apply(&mut outputs);
            (made.resources, made.refusals, made.notices)
        } else {
            (resources, Refusals::default(), Vec::new())
        };
        let outputs = outputs.as_object().cloned().unwrap_or_default();
        Ok(Transformed { known, resources, outputs, refusals, notices })
    }

    /// The template behind the language's extensions, if it asks for them.
    fn extended(&self, known: &Known) -> Result<Option<Self>, Refusals> {
        if !known.is_extended {
            return match language_extensions::find_loop(&self.document) {
                Some(place) => {
                    Err(Refusals::one(place, format!("Fn::ForEach needs the transform {EXTENSIONS}")))
                }
                None => Ok(None),
            };
        }
        let document = language_extensions::applied(&self.document, known)?;
        let mut refusals = Refusals::default();
        check_count(&document, &mut refusals);
        refusals.into_result(Some(Self { document, stored: BTreeMap::new() }))
    }

    /// The template with the files that it includes (`AWS::Include`), if it includes any.
    fn with_files(&self, read: &dyn Fn(&str) -> Result<String, String>) -> Result<Option<Self>, Refusals> {
        let Some(resources) = self.document.get("Resources") else { return Ok(None) };
        let mut included = resources.clone();
        let mut refusals = Refusals::default();
        let count = include(&mut included, "Resources", read, &mut refusals);
        let mut document = self.document.clone();
        document.insert("Resources".to_owned(), included);
        refusals.into_result((count > 0).then_some(Self { document, stored: self.stored.clone() }))
    }

    fn section(&self, name: &str) -> Option<&Map<String, Value>> {
        self.document.get(name).and_then(Value::as_object)
    }

    fn parameters(&self, known: &mut Known, given: &BTreeMap<String, String>) -> Result<(), Refusals> {
        let mut refusals = Refusals::default();
        let declared = self.section("Parameters");
        for (name, parameter) in declared.into_iter().flatten() {
            let value = given.get(name).map(|value| Value::String(value.clone()));
            let value = value.or_else(|| parameter.get("Default").cloned());
            if name == BOOTSTRAP && value.as_ref().is_some_and(is_bootstrap) {
                // Only the rule asks for it; whatever else does hears that there is no such parameter.
                continue;
            }
            match self.parameter(parameter, value) {
                Ok(value) => drop(known.values.insert(name.clone(), value)),
                Err(why) => refusals.add(format!("Parameters.{name}"), why),
            }
        }
        for name in given.keys().filter(|name| declared.is_none_or(|declared| !declared.contains_key(*name)))
        {
            refusals.add(format!("Parameters.{name}"), "the template declares no such parameter");
        }
        refusals.into_result(())
    }

    /// What a parameter stands for, or why it can stand for nothing.
    fn parameter(&self, parameter: &Value, value: Option<Value>) -> Result<Value, String> {
        let value = value.ok_or("the parameter has no default and no value was given")?;
        let allowed = parameter.get("AllowedValues").and_then(Value::as_array);
        if allowed.is_some_and(|allowed| !allowed.iter().any(|it| same(it, &value))) {
            return Err(format!("{value} is none of the allowed values"));
        }
        let kind = parameter.get("Type").and_then(Value::as_str).unwrap_or("String");
        let Some(kind) = kind.strip_prefix(STORED).and_then(|kind| kind.strip_suffix('>')) else {
            return Ok(typed(kind, value));
        };
        let stored = value.as_str().and_then(|name| self.stored.get(name));
        let stored = stored.ok_or(
            "Tule has no Systems Manager of its own: name an endpoint that has, with --delegate ssm=URL, or give the \
             parameter another type",
        )?;
        Ok(typed(kind, Value::from(stored.as_str())))
    }

    /// Conditions may name each other, in any order.
    fn conditions(&self, known: &mut Known) -> Result<(), Refusals> {
        let mut waiting: Vec<(&String, &Value)> = self.section("Conditions").into_iter().flatten().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut failure = None;
            let mut still = Vec::new();
            for (name, condition) in waiting {
                let place = format!("Conditions.{name}");
                let decided = condition.as_object().and_then(|map| map.iter().next());
                let decided = decided.ok_or_else(|| Refusals::one(&place, "a condition is one function"));
                match decided.and_then(|(function, argument)| known.decide(function, argument, &place)) {
                    Ok(value) => drop(known.conditions.insert(name.clone(), value)),
                    Err(refusals) => {
                        failure = Some(refusals);
                        still.push((name, condition));
                    }
                }
            }
            if let Some(refusals) = failure.filter(|_| still.len() == before) {
                return Err(refusals);
            }
            waiting = still;
        }
        Ok(())
    }

    /// The resources whose conditions hold.
    fn wanted(&self, known: &Known) -> Result<Map<String, Value>, Refusals> {
        let mut wanted = Map::new();
        for (id, resource) in self.section("Resources").into_iter().flatten() {
            let condition = resource.get("Condition").and_then(Value::as_str);
            let place = format!("Resources.{id}.Condition");
            if condition.map_or(Ok(true), |name| known.condition(name, &place))? {
                wanted.insert(id.clone(), resource.clone());
            }
        }
        Ok(wanted)
    }
}

/// Puts files in the place of `{"Fn::Transform": {"Name": "AWS::Include", "Parameters": {"Location": …}}}`; gives how
/// many. What stands beside the function goes over what the file says.
fn include(
    value: &mut Value,
    place: &str,
    read: &dyn Fn(&str) -> Result<String, String>,
    refusals: &mut Refusals,
) -> usize {
    match value {
        Value::Object(map) => {
            let location =
                map.get("Fn::Transform").filter(|it| it.get("Name").is_some_and(|it| it == "AWS::Include"));
            let location = location.and_then(|it| it.get("Parameters")?.get("Location")?.as_str());
            let Some(path) = location.filter(|path| !path.starts_with("s3://")).map(str::to_owned) else {
                let each = map.iter_mut();
                return each
                    .map(|(name, value)| include(value, &format!("{place}.{name}"), read, refusals))
                    .sum();
            };
            let file = read(&path).and_then(|text| document::parse(&text).map_err(|error| error.to_string()));
            match file {
                Ok(Value::Object(mut file)) => {
                    map.shift_remove("Fn::Transform");
                    file.extend(std::mem::take(map));
                    *map = file;
                }
                Ok(other) if map.len() == 1 => *value = other,
                Ok(_) => refusals.add(place, format!("{path} is no map")),
                Err(error) => refusals.add(place, error),
            }
            1
        }
        Value::Array(items) => {
            let each = items.iter_mut().enumerate();
            each.map(|(at, item)| include(item, &format!("{place}.{at}"), read, refusals)).sum()
        }
        _ => 0,
    }
}

/// A parameter's value as its type has it.
fn typed(kind: &str, value: Value) -> Value {
    match value {
        Value::String(list) if kind.starts_with("List<") || kind == "CommaDelimitedList" => {
            list.split(',').map(str::trim).collect()
        }
        value => value,
    }
}

fn check_count(document: &Map<String, Value>, refusals: &mut Refusals) {
    match document.get("Resources").and_then(Value::as_object).map_or(0, Map::len) {
        0 => refusals.add("Resources", "the template has no resources"),
        1..=MOST_RESOURCES => {}
        _ => refusals.add("Resources", format!("a template has at most {MOST_RESOURCES} resources")),
    }
}

/// Which transforms a template asks for.
#[derive(Debug, Clone, Copy, Default)]
struct Transforms {
    are_extensions: bool,
    is_sam: bool,
}

impl Transforms {
    fn of(section: Option<&Value>) -> Result<Self, Refusals> {
        let names = match section {
            None => return Ok(Self::default()),
            Some(Value::Array(names)) => names.iter().collect(),
            Some(name) => vec![name],
        };
        let mut transforms = Self::default();
        for name in names {
            match name.as_str() {
                Some(SAM) => transforms.is_sam = true,
                Some(EXTENSIONS) if transforms.is_sam => {
                    let text =
                        format!("list {EXTENSIONS} before {SAM}, as AWS wants it: that one knows no loops");
                    return Err(Refusals::one("Transform", text));
                }
                Some(EXTENSIONS) => transforms.are_extensions = true,
                _ => {
                    let text = format!("Tule does not apply the transform {name} yet");
                    return Err(Refusals::one("Transform", text));
                }
            }
        }
        Ok(transforms)
    }
}

/// Parameters are texts; a number in a list of allowed values means its digits.
fn same(allowed: &Value, value: &Value) -> bool {
    let digits = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    digits(allowed) == digits(value)
}
