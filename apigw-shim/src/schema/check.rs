//! Whether a value fits a schema, and what of it does not.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::{Dependency, Items, Kind, Limits, Node, Numbers, Rest, Schema};

/// How many schemas may be looked at for one value: a few references that cross can make any number of steps.
const MOST_STEPS: u32 = 200_000;
/// How deep schemas may lie in each other for one value.
const MOST_DEPTH: u32 = 400;

impl Schema {
    /// What of a value does not fit; nothing if all does.
    pub fn check(&self, value: &Value) -> Vec<String> {
        let mut check = Check { schema: self, found: Vec::new(), steps: 0, depth: 0 };
        check.node(self.root, value);
        check.found
    }
}

struct Check<'s> {
    schema: &'s Schema,
    found: Vec<String>,
    steps: u32,
    depth: u32,
}

impl<'s> Check<'s> {
    fn fail(&mut self, text: impl Into<String>) {
        self.found.push(text.into());
    }

    fn fits(&mut self, place: usize, value: &Value) -> bool {
        let kept = std::mem::take(&mut self.found);
        self.node(place, value);
        std::mem::replace(&mut self.found, kept).is_empty()
    }

    fn count(&mut self, places: &[usize], value: &Value) -> usize {
        places.iter().filter(|place| self.fits(**place, value)).count()
    }

    fn node(&mut self, place: usize, value: &Value) {
        self.steps += 1;
        self.depth += 1;
        if self.steps > MOST_STEPS || self.depth > MOST_DEPTH {
            self.fail("the schema takes too many steps");
        } else {
            let schema = self.schema;
            let node = &schema.nodes[place];
            match node.reference {
                Some(reference) => self.node(reference, value),
                None => self.plain(node, value),
            }
        }
        self.depth -= 1;
    }

    fn plain(&mut self, node: &'s Node, value: &Value) {
        if let Some(types) = &node.types
            && !types.iter().any(|kind| is_of(value, *kind))
        {
            let mut allowed: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
            if allowed.contains(&"number") && !allowed.contains(&"integer") {
                allowed.push("integer");
            }
            allowed.sort_unstable();
            self.fail(format!(
                "instance type ({}) does not match any allowed primitive type (allowed: {})",
                kind_of(value).name(),
                list(&allowed)
            ));
            return;
        }
        if let Some(values) = &node.values
            && !values.iter().any(|known| same(known, value))
        {
            let possible = Value::from(values.clone());
            self.fail(format!("instance value ({value}) not found in enum (possible values: {possible})"));
        }
        match value {
            Value::Number(number) => self.number(&node.numbers, number),
            Value::String(text) => self.text(node, text),
            Value::Array(items) => self.array(node, items),
            Value::Object(members) => self.object(node, members),
            Value::Null | Value::Bool(_) => {}
        }
        self.combined(node, value);
    }

    fn combined(&mut self, node: &Node, value: &Value) {
        for place in &node.all_of {
            self.node(*place, value);
        }
        if !node.any_of.is_empty() && !node.any_of.iter().any(|place| self.fits(*place, value)) {
            let all = node.any_of.len();
            self.fail(format!("instance failed to match at least one required schema among {all}"));
        }
        if !node.one_of.is_empty() {
            let (matched, all) = (self.count(&node.one_of, value), node.one_of.len());
            if matched != 1 {
                self.fail(format!(
                    "instance failed to match exactly one schema (matched {matched} out of {all})"
                ));
            }
        }
        if node.not.is_some_and(|not| self.fits(not, value)) {
            self.fail("instance matched a schema which it should not have");
        }
    }

    fn number(&mut self, limits: &Numbers, number: &Number) {
        let value = number.as_f64().unwrap_or_default();
        if let Some(minimum) = &limits.minimum {
            let least = minimum.as_f64().unwrap_or_default();
            if value < least {
                self.fail(format!(
                    "numeric instance is lower than the required minimum (minimum: {minimum}, found: {number})"
                ));
            } else if limits.exclusive_minimum && value <= least {
                self.fail(format!(
                    "numeric instance is not strictly greater than the required minimum {minimum}"
                ));
            }
        }
        if let Some(maximum) = &limits.maximum {
            let most = maximum.as_f64().unwrap_or_default();
            if value > most {
                self.fail(format!(
                    "numeric instance is greater than the required maximum (maximum: {maximum}, found: {number})"
                ));
            } else if limits.exclusive_maximum && value >= most {
                self.fail(format!(
                    "numeric instance is not strictly lower than the required maximum {maximum}"
                ));
            }
        }
        if let Some(divisor) = &limits.multiple_of
            && !is_multiple(number, divisor)
        {
            self.fail(format!("remainder of division is not zero ({number} / {divisor})"));
        }
    }

    fn text(&mut self, node: &Node, text: &str) {
        if node.lengths.least.is_some() || node.lengths.most.is_some() {
            let length = text.chars().count();
            let quoted = Value::from(text);
            if let Some(least) = too_few(&node.lengths, length) {
                self.fail(format!(
                    "string {quoted} is too short (length: {length}, required minimum: {least})"
                ));
            }
            if let Some(most) = too_many(&node.lengths, length) {
                self.fail(format!("string {quoted} is too long (length: {length}, maximum allowed: {most})"));
            }
        }
        // A pattern that gives up has not matched.
        if let Some((pattern, regex)) = &node.pattern
            && !regex.is_match(text).unwrap_or(false)
        {
            let (pattern, text) = (Value::from(pattern.as_str()), Value::from(text));
            self.fail(format!("ECMA 262 regex {pattern} does not match input string {text}"));
        }
    }

    fn array(&mut self, node: &Node, items: &[Value]) {
        let length = items.len();
        if let Some(least) = too_few(&node.item_count, length) {
            self.fail(format!(
                "array is too short: must have at least {least} elements but instance has {length} elements"
            ));
        }
        if let Some(most) = too_many(&node.item_count, length) {
            self.fail(format!(
                "array is too long: must have at most {most} elements but instance has {length} elements"
            ));
        }
        if node.unique && has_doubles(items) {
            self.fail("array must not contain duplicate elements");
        }
        match &node.items {
            Items::Any => {}
            Items::Each(place) => items.iter().for_each(|item| self.node(*place, item)),
            Items::Tuple(places) => {
                places.iter().zip(items).for_each(|(place, item)| self.node(*place, item));
                let others = items.get(places.len()..).unwrap_or_default();
                match &node.additional_items {
                    Rest::Any => {}
                    Rest::None if others.is_empty() => {}
                    Rest::None => self.fail(format!(
                        "array contains too many items according to the schema (found {length}, maximum allowed: {})",
                        places.len()
                    )),
                    Rest::Fits(place) => others.iter().for_each(|item| self.node(*place, item)),
                }
            }
        }
    }

    fn object(&mut self, node: &Node, members: &Map<String, Value>) {
        let count = members.len();
        if let Some(least) = too_few(&node.property_count, count) {
            self.fail(format!(
                "object has too few properties (found {count} but schema requires at least {least})"
            ));
        }
        if let Some(most) = too_many(&node.property_count, count) {
            self.fail(format!(
                "object has too many properties (found {count} but schema requires at most {most})"
            ));
        }
        let mut missing: Vec<&str> =
            node.required.iter().map(String::as_str).filter(|name| !members.contains_key(*name)).collect();
        if !missing.is_empty() {
            missing.sort_unstable();
            self.fail(format!("object has missing required properties ({})", list(&missing)));
        }
        let mut unknown = Vec::new();
        for (name, value) in members {
            let mut is_named = false;
            if let Some(place) = node.properties.get(name) {
                is_named = true;
                self.node(*place, value);
            }
            for (pattern, place) in &node.patterns {
                if pattern.is_match(name).unwrap_or(false) {
                    is_named = true;
                    self.node(*place, value);
                }
            }
            match &node.additional_properties {
                Rest::None if !is_named => unknown.push(name.as_str()),
                Rest::Fits(place) if !is_named => self.node(*place, value),
                Rest::Any | Rest::None | Rest::Fits(_) => {}
            }
        }
        if !unknown.is_empty() {
            unknown.sort_unstable();
            self.fail(format!(
                "object instance has properties which are not allowed by the schema: {}",
                list(&unknown)
            ));
        }
        self.dependencies(node, members);
    }

    fn dependencies(&mut self, node: &Node, members: &Map<String, Value>) {
        for (name, dependency) in &node.dependencies {
            if !members.contains_key(name) {
                continue;
            }
            match dependency {
                Dependency::Schema(place) => self.node(*place, &Value::Object(members.clone())),
                Dependency::Properties(names) => {
                    let missing: Vec<&str> = names
                        .iter()
                        .map(String::as_str)
                        .filter(|name| !members.contains_key(*name))
                        .collect();
                    if !missing.is_empty() {
                        let all: Vec<&str> = names.iter().map(String::as_str).collect();
                        self.fail(format!(
                            "property {} of object has missing property dependencies (schema requires {}; missing: {})",
                            Value::from(name.as_str()),
                            list(&all),
                            list(&missing)
                        ));
                    }
                }
            }
        }
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Null => "null",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(number) if number.is_f64() && number.as_f64().is_none_or(|it| it.fract() != 0.0) => {
            Kind::Number
        }
        Value::Number(_) => Kind::Integer,
        Value::String(_) => Kind::String,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    }
}

fn is_of(value: &Value, kind: Kind) -> bool {
    let own = kind_of(value);
    own == kind || (own == Kind::Integer && kind == Kind::Number)
}

/// Numbers are the same by their value: 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|it| same(value, it)))
        }
        _ => one == other,
    }
}

/// Equal items have equal canonical texts: sorted by them, doubles are neighbours.
fn has_doubles(items: &[Value]) -> bool {
    let mut texts: Vec<String> = items.iter().map(|item| canonical(item).to_string()).collect();
    texts.sort_unstable();
    texts.windows(2).any(|pair| pair[0] == pair[1])
}

fn canonical(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Number(number) => Cow::Owned(Value::from(number.as_f64().unwrap_or_default())),
        Value::Array(items) => {
            Cow::Owned(items.iter().map(|item| canonical(item).into_owned()).collect::<Vec<Value>>().into())
        }
        Value::Object(members) => {
            let mut pairs: Vec<(&String, Value)> =
                members.iter().map(|(name, value)| (name, canonical(value).into_owned())).collect();
            pairs.sort_by(|one, other| one.0.cmp(other.0));
            let members: Map<String, Value> =
                pairs.into_iter().map(|(name, value)| (name.clone(), value)).collect();
            Cow::Owned(members.into())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => Cow::Borrowed(value),
    }
}

fn is_multiple(number: &Number, divisor: &Number) -> bool {
    if let (Some(number), Some(divisor)) = (number.as_i64(), divisor.as_i64()) {
        return divisor != 0 && number % divisor == 0;
    }
    let quotient = number.as_f64().unwrap_or_default() / divisor.as_f64().unwrap_or(1.0);
    (quotient - quotient.round()).abs() < 1e-9 * quotient.abs().max(1.0)
}

fn too_few(limits: &Limits, count: usize) -> Option<u64> {
    limits.least.filter(|least| (count as u64) < *least)
}

fn too_many(limits: &Limits, count: usize) -> Option<u64> {
    limits.most.filter(|most| (count as u64) > *most)
}

fn list(names: &[&str]) -> String {
    Value::from(names.to_vec()).to_string()
}
