//! How a resource's properties become the members of a call: other names, other types, and what is nested in them.
//!
//! CloudFormation takes numbers and flags that are written as text, and texts that are written as numbers; the API
//! behind it does not.

use serde_json::{Map, Value};

use super::tag_map;
use crate::Refusals;

/// A property and the member it becomes.
pub(super) struct Field {
    pub(super) property: &'static str,
    pub(super) member: &'static str,
    pub(super) shape: Shape,
}

/// What a property's value is.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Goes over as it is.
    Plain,
    Text,
    Number,
    Flag,
    /// A document, whose member is its text.
    Document,
    /// Names of the template's own choice, to texts.
    Texts,
    /// Names of the template's own choice, to flags.
    Flags,
    /// A text, whose member is a list of it.
    Listed,
    /// Status codes, to lists of parameters' places and values.
    Assignments,
    /// CloudFormation's list of keys and values, or a map of them; the member is a map.
    Tags,
    One(&'static [Field]),
    List(&'static [Field]),
    /// Names of the template's own choice, to structures.
    Named(&'static [Field]),
}

pub(super) const fn field(property: &'static str, member: &'static str, shape: Shape) -> Field {
    Field { property, member, shape }
}

/// A property whose member has its name.
pub(super) const fn same(property: &'static str, shape: Shape) -> Field {
    Field { property, member: property, shape }
}

/// The members of a resource's or a nested structure's properties. What no field is for is refused by name, unless
/// `others` says that someone else reads it.
pub(super) fn members(
    fields: &[Field],
    value: &Value,
    others: &[&str],
    place: &str,
) -> Result<Map<String, Value>, Refusals> {
    let Some(given) = value.as_object() else {
        return Err(Refusals::one(place, "these properties are a map"));
    };
    let mut members = Map::new();
    let mut refusals = Refusals::default();
    for (name, value) in given {
        let place = format!("{place}.{name}");
        match fields.iter().find(|field| field.property == name) {
            Some(field) => match convert(field.shape, value, &place) {
                Ok(value) => drop(members.insert(field.member.to_owned(), value)),
                Err(found) => refusals.0.extend(found.0),
            },
            None if others.contains(&name.as_str()) => {}
            None => refusals.add(place, "Tule does not apply this property yet"),
        }
    }
    refusals.into_result(members)
}

fn convert(shape: Shape, value: &Value, place: &str) -> Result<Value, Refusals> {
    let each =
        |fields: &[Field], value: &Value, place: &str| members(fields, value, &[], place).map(Value::Object);
    Ok(match shape {
        Shape::Plain => value.clone(),
        Shape::Text => text(value),
        Shape::Number => number(value),
        Shape::Flag => flag(value),
        Shape::Document => Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        Shape::Texts => entries(value, text),
        Shape::Flags => entries(value, flag),
        Shape::Listed => Value::Array(vec![text(value)]),
        Shape::Assignments => entries(value, assignments),
        Shape::Tags => match value {
            Value::Object(tags) => Value::Object(tags.clone()),
            tags => Value::Object(tag_map(Some(tags))),
        },
        Shape::One(fields) => each(fields, value, place)?,
        Shape::List(fields) => {
            let items = value.as_array().ok_or_else(|| Refusals::one(place, "this property is a list"))?;
            let items = items.iter().enumerate();
            items.map(|(at, item)| each(fields, item, &format!("{place}.{at}"))).collect::<Result<_, _>>()?
        }
        Shape::Named(fields) => {
            let map = value.as_object().ok_or_else(|| Refusals::one(place, "this property is a map"))?;
            let entry = |(name, value): (&String, &Value)| {
                Ok::<_, Refusals>((name.clone(), each(fields, value, &format!("{place}.{name}"))?))
            };
            Value::Object(map.iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// Refuses what no field is for, and what is no map or list where one has to be, of properties whose functions are not
/// evaluated yet: what a function gives is [`members`]' to refuse.
pub(super) fn check(fields: &[Field], value: &Value, place: &str, refusals: &mut Refusals) {
    let Some(given) = value.as_object() else {
        refusals.add(place, "these properties are a map");
        return;
    };
    for (name, value) in given.iter().filter(|(name, _)| !is_function(name)) {
        let place = format!("{place}.{name}");
        match fields.iter().find(|field| field.property == name) {
            Some(field) => check_shape(field.shape, value, &place, refusals),
            None => refusals.add(place, "Tule does not apply this property yet"),
        }
    }
}

fn check_shape(shape: Shape, value: &Value, place: &str, refusals: &mut Refusals) {
    match (shape, value) {
        (_, Value::Object(map)) if map.keys().any(|name| is_function(name)) => {}
        (Shape::One(fields), value) => check(fields, value, place, refusals),
        (Shape::List(fields), Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                check_shape(Shape::One(fields), item, &format!("{place}.{at}"), refusals);
            }
        }
        (Shape::Named(fields), Value::Object(map)) => {
            for (name, item) in map {
                check_shape(Shape::One(fields), item, &format!("{place}.{name}"), refusals);
            }
        }
        (Shape::List(_), _) => refusals.add(place, "this property is a list"),
        (Shape::Named(_), _) => refusals.add(place, "this property is a map"),
        _ => {}
    }
}

fn is_function(name: &str) -> bool {
    name == "Ref" || name.starts_with("Fn::")
}

fn entries(value: &Value, convert: fn(&Value) -> Value) -> Value {
    let Some(map) = value.as_object() else { return value.clone() };
    map.iter().map(|(name, value)| (name.clone(), convert(value))).collect()
}

/// `{"ResponseParameters": [{"Destination": …, "Source": …}]}` as a map of one to the other.
fn assignments(value: &Value) -> Value {
    let Some(listed) = value.get("ResponseParameters").and_then(Value::as_array) else {
        return value.clone();
    };
    let pair = |it: &Value| Some((it.get("Destination")?.as_str()?.to_owned(), it.get("Source").map(text)?));
    listed.iter().filter_map(pair).collect()
}

fn text(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Bool(_) => Value::from(value.to_string()),
        other => other.clone(),
    }
}

fn number(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return value.clone() };
    let whole = text.parse::<i64>().map(Value::from);
    whole.or_else(|_| text.parse::<f64>().map(Value::from)).unwrap_or_else(|_| value.clone())
}

fn flag(value: &Value) -> Value {
    match value.as_str() {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const INNER: &[Field] = &[field("Limit", "limit", Shape::Number), field("On", "on", Shape::Flag)];
    const FIELDS: &[Field] = &[
        field("Name", "name", Shape::Text),
        field("Schema", "schema", Shape::Document),
        field("Variables", "variables", Shape::Texts),
        field("Tags", "tags", Shape::Tags),
        field("Quota", "quota", Shape::One(INNER)),
        field("Stages", "stages", Shape::List(INNER)),
        field("Routes", "routes", Shape::Named(INNER)),
    ];

    #[test]
    fn values_take_the_form_that_the_api_has() {
        let given = json!({
            "Name": 1, "Schema": {"Type": "object"}, "Variables": {"Some.Key": 3}, "Tags": [{"Key": "A", "Value": "b"}],
            "Quota": {"Limit": "2.5", "On": "true"}, "Stages": [{"Limit": "7"}], "Routes": {"GET /": {"On": false}},
        });
        let expected = json!({
            "name": "1", "schema": "{\"Type\":\"object\"}", "variables": {"Some.Key": "3"}, "tags": {"A": "b"},
            "quota": {"limit": 2.5, "on": true}, "stages": [{"limit": 7}], "routes": {"GET /": {"on": false}},
        });
        assert_eq!(Value::Object(members(FIELDS, &given, &[], "here").unwrap()), expected);
    }

    #[test]
    fn what_is_unknown_is_refused_wherever_it_is() {
        let given =
            json!({"Nope": 1, "Body": 1, "Stages": [{"Limit": 1}, {"Odd": 1}], "Routes": {"r": {"X": 1}}});
        let refused = members(FIELDS, &given, &["Body"], "here").unwrap_err();
        let places: Vec<&str> = refused.0.iter().map(|refusal| refusal.place.as_str()).collect();
        assert_eq!(places.len(), 3, "{places:?}");
        for place in ["here.Nope", "here.Stages.1.Odd", "here.Routes.r.X"] {
            assert!(places.contains(&place), "{places:?}");
        }
        assert!(members(FIELDS, &json!({"Stages": {}, "Routes": []}), &[], "here").is_err());
        assert!(members(FIELDS, &json!([]), &[], "here").is_err());
    }

    #[test]
    fn what_no_function_gives_is_refused_before_functions_are_evaluated() {
        let given = json!({
            "Nope": 1, "Name": {"Ref": "N"}, "Quota": {"Fn::If": ["C", {"X": 1}, {"Y": 1}]}, "Routes": {"r": {"X": 1}},
            "Stages": [{"Odd": {"Fn::Sub": "x"}}, {"Fn::If": ["C", {"X": 1}, {"Ref": "AWS::NoValue"}]}],
        });
        let mut refusals = Refusals::default();
        check(FIELDS, &given, "here", &mut refusals);
        check(FIELDS, &json!({"Stages": {}, "Routes": [], "Quota": "x"}), "there", &mut refusals);
        let places: Vec<&str> = refusals.0.iter().map(|refusal| refusal.place.as_str()).collect();
        let expected = ["here.Nope", "here.Routes.r.X", "here.Stages.0.Odd"];
        assert_eq!(places, [&expected[..], &["there.Stages", "there.Routes", "there.Quota"]].concat());
    }
}
