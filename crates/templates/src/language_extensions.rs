//! The transform `AWS::LanguageExtensions`, as far as it changes a template's form: loops (`Fn::ForEach`), and functions
//! where a logical id stands. Functions that give values (`Fn::Length` and the like) are `intrinsics`' own.
//!
//! Source: AWS, "Fn::ForEach" and "AWS::LanguageExtensions transform" (CloudFormation Template Reference).

use serde_json::{Map, Value};

use crate::{Known, Refusals};

const LOOP: &str = "Fn::ForEach::";
/// Sections that loops may be in.
const SECTIONS: &[&str] = &["Conditions", "Outputs", "Resources"];
/// How much loops may make. CloudFormation's limit of a template's text, behind its transforms too, is 1 MB; what is
/// made on the way there is a little more.
const MOST: usize = 4 << 20;

/// The document behind the transform.
pub(crate) fn applied(document: &Map<String, Value>, known: &Known) -> Result<Map<String, Value>, Refusals> {
    let mut document = document.clone();
    let mut work = Work { known, left: MOST };
    for name in SECTIONS {
        if let Some(section) = document.get_mut(*name) {
            *section = work.value(section.take(), name)?;
        }
    }
    Ok(document)
}

/// Where a template has a loop, if it has one: without the transform there can be none.
pub(crate) fn find_loop(document: &Map<String, Value>) -> Option<String> {
    SECTIONS.iter().find_map(|name| Some(format!("{name}.{}", loop_in(document.get(*name)?)?)))
}

fn loop_in(value: &Value) -> Option<String> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            if key.starts_with(LOOP) { Some(key.clone()) } else { Some(format!("{key}.{}", loop_in(value)?)) }
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(at, item)| Some(format!("{at}.{}", loop_in(item)?)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

struct Work<'k> {
    known: &'k Known,
    /// What may still be made, in bytes.
    left: usize,
}

impl Work<'_> {
    fn value(&mut self, value: Value, place: &str) -> Result<Value, Refusals> {
        match value {
            Value::Object(map) => {
                let mut made = Map::new();
                self.entries(map, place, &mut made)?;
                self.named(made, place).map(Value::Object)
            }
            Value::Array(items) => {
                let each = items.into_iter().enumerate();
                each.map(|(at, item)| self.value(item, &format!("{place}.{at}"))).collect()
            }
            plain => Ok(plain),
        }
    }

    /// The entries of a map, those that loops make among them.
    fn entries(
        &mut self,
        map: Map<String, Value>,
        place: &str,
        made: &mut Map<String, Value>,
    ) -> Result<(), Refusals> {
        for (key, value) in map {
            let inside = format!("{place}.{key}");
            if key.starts_with(LOOP) {
                self.repeat(&value, &inside, made)?;
            } else {
                let value = self.value(value, &inside)?;
                if made.insert(key, value).is_some() {
                    return Err(Refusals::one(inside, "a loop makes what is there already"));
                }
            }
        }
        Ok(())
    }

    /// What a loop makes: `[Identifier, Collection, {OutputKey: OutputValue}]`.
    fn repeat(
        &mut self,
        argument: &Value,
        place: &str,
        made: &mut Map<String, Value>,
    ) -> Result<(), Refusals> {
        let wrong = || {
            let form = "an identifier, a list of texts, and a map whose keys have ${Identifier} or &{Identifier} in them";
            Refusals::one(place, format!("Fn::ForEach takes {form}"))
        };
        let Some([Value::String(identifier), collection, Value::Object(output)]) =
            argument.as_array().map(Vec::as_slice)
        else {
            return Err(wrong());
        };
        let is_name = !identifier.is_empty() && identifier.chars().all(|it| it.is_ascii_alphanumeric());
        let placeholder = Placeholder::new(identifier);
        let is_in = |key: &String| key.starts_with(LOOP) || placeholder.is_in(key);
        if !is_name || !output.keys().all(is_in) {
            return Err(wrong());
        }
        let items = self.known.resolve(collection, place)?;
        for item in items.as_array().ok_or_else(wrong)? {
            let item = match item {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Bool(flag) => flag.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return Err(wrong()),
            };
            // Whatever is made of it: a loop around this one resolves the collection each time.
            self.take(16 + item.len(), place)?;
            let mut fragment = Map::new();
            for (key, value) in output {
                let key = self.replaced(key, &placeholder, &item, place)?;
                let value = self.substituted(value, &placeholder, &item, place)?;
                if fragment.insert(key, value).is_some() {
                    return Err(Refusals::one(place, "a loop makes the same key twice"));
                }
            }
            self.entries(fragment, place, made)?;
        }
        Ok(())
    }

    /// A value with one item of a loop in it.
    fn substituted(
        &mut self,
        value: &Value,
        placeholder: &Placeholder,
        item: &str,
        place: &str,
    ) -> Result<Value, Refusals> {
        self.take(16, place)?;
        match value {
            Value::String(text) => self.replaced(text, placeholder, item, place).map(Value::String),
            Value::Object(map) if is_reference(map, &placeholder.identifier) => {
                self.take(item.len(), place)?;
                Ok(Value::from(item))
            }
            Value::Object(map) => {
                let mut made = Map::new();
                for (key, value) in map {
                    let key = self.replaced(key, placeholder, item, place)?;
                    let value = self.substituted(value, placeholder, item, place)?;
                    made.insert(key, value);
                }
                Ok(Value::Object(made))
            }
            Value::Array(items) => {
                let each = items.iter();
                each.map(|value| self.substituted(value, placeholder, item, place)).collect()
            }
            plain => Ok(plain.clone()),
        }
    }

    fn replaced(
        &mut self,
        text: &str,
        placeholder: &Placeholder,
        item: &str,
        place: &str,
    ) -> Result<String, Refusals> {
        let count = text.matches(&placeholder.whole).count() + text.matches(&placeholder.bare).count();
        self.take(text.len() + count * item.len(), place)?;
        if count == 0 {
            return Ok(text.to_owned());
        }
        // Logical ids are letters and digits alone.
        let bare: String = item.chars().filter(char::is_ascii_alphanumeric).collect();
        // What the item itself holds is no placeholder: it may hold many.
        let parts = text.split(&placeholder.whole).map(|part| part.replace(&placeholder.bare, &bare));
        Ok(parts.collect::<Vec<_>>().join(item))
    }

    fn take(&mut self, bytes: usize, place: &str) -> Result<(), Refusals> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| Refusals::one(place, format!("loops make more than {MOST} bytes")))?;
        Ok(())
    }

    /// A `Ref` or an `Fn::GetAtt` whose logical id a function gives.
    fn named(&self, mut map: Map<String, Value>, place: &str) -> Result<Map<String, Value>, Refusals> {
        if map.len() != 1 {
            return Ok(map);
        }
        let id = match map.iter_mut().next() {
            Some((key, id)) if key == "Ref" => Some(id),
            Some((key, Value::Array(parts))) if key == "Fn::GetAtt" => parts.first_mut(),
            _ => None,
        };
        if let Some(id) = id.filter(|id| id.is_object()) {
            let resolved = self.known.resolve(id, place)?;
            if !resolved.is_string() {
                return Err(Refusals::one(place, "a logical id is a text"));
            }
            *id = resolved;
        }
        Ok(map)
    }
}

fn is_reference(map: &Map<String, Value>, identifier: &str) -> bool {
    map.len() == 1 && map.get("Ref").is_some_and(|id| id == identifier)
}

/// How an identifier stands in texts.
struct Placeholder {
    identifier: String,
    /// `${Identifier}`: the item itself.
    whole: String,
    /// `&{Identifier}`: its letters and digits.
    bare: String,
}

impl Placeholder {
    fn new(identifier: &str) -> Self {
        Self {
            identifier: identifier.to_owned(),
            whole: format!("${{{identifier}}}"),
            bare: format!("&{{{identifier}}}"),
        }
    }

    fn is_in(&self, text: &str) -> bool {
        text.contains(&self.whole) || text.contains(&self.bare)
    }
}
