//! Values, and the heap that lists and maps live on.
//!
//! Lists and maps are shared, as Java's are: two variables may mean the same list. They live on the heap of one
//! [`Context`](crate::Context) and are named by ids, so that a map that contains itself is no leak.

use std::{fmt, rc::Rc, sync::Arc};

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::{ast::Block, error::RenderError};

/// Anything a template can hold.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`; a reference to it is an empty text.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// Java's `Integer`, `Long` and `BigInteger`.
    Integer(i128),
    /// Java's `Double`.
    Double(f64),
    /// A `String`.
    Text(Arc<str>),
    /// A list on the heap.
    List(ListId),
    /// A map on the heap.
    Map(MapId),
    /// An entry of a map, as `entrySet()` gives it.
    Entry(Rc<(Key, Value)>),
    /// An object of whoever made the context.
    Host(Rc<dyn Host>),
    /// An iterator on the heap.
    #[doc(hidden)]
    Iterator(usize),
    /// The `$foreach` of a loop.
    #[doc(hidden)]
    Loop(usize),
    /// What `#define` named.
    #[doc(hidden)]
    Block(DefinedBlock),
}

/// What `#define` named: rendered anew each time it is printed.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct DefinedBlock(pub(crate) Arc<Block>);

/// The name of a list on a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListId(usize);

/// The name of a map on a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapId(usize);

/// A key of a map. Java's maps tell `1` from `"1"`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A text.
    Text(Arc<str>),
    /// A whole number.
    Integer(i128),
    /// A boolean.
    Boolean(bool),
    /// Anything else, by what it prints.
    Other(String),
}

impl Key {
    /// The key as a value.
    pub fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::Text(Arc::clone(text)),
            Self::Integer(number) => Value::Integer(*number),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Other(text) => Value::Text(text.as_str().into()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(number) => number.fmt(f),
            Self::Boolean(value) => value.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// An object with properties and methods of its own.
pub trait Host: fmt::Debug {
    /// The property `name`, if it has one.
    fn property(&self, heap: &mut Heap, name: &str) -> Result<Option<Value>, RenderError>;

    /// Calls a method; `None` if it has no such method for these arguments.
    fn call(&self, heap: &mut Heap, method: &str, arguments: &[Value]) -> Result<Option<Value>, RenderError>;

    /// What it prints.
    fn text(&self) -> String;
}

#[derive(Debug, Default)]
pub(crate) struct List {
    pub items: Vec<Value>,
    /// Whether it came from JSON, and so prints as JSON.
    pub is_json: bool,
}

pub(crate) type Map = IndexMap<Key, Value>;

#[derive(Debug)]
struct MapObject {
    entries: Map,
    /// Whether it prints nothing, as the maps in API Gateway's `$context` do.
    is_silent: bool,
}

#[derive(Debug)]
pub(crate) struct Cursor {
    pub items: Vec<Value>,
    pub next: usize,
}

/// Values of one JSON document made of a value.
const MAX_JSON: usize = 1_000_000;

/// Where lists and maps live. It only grows, up to its limit; it goes with its context.
#[derive(Debug)]
pub struct Heap {
    lists: Vec<List>,
    maps: Vec<MapObject>,
    pub(crate) iterators: Vec<Cursor>,
    /// Values that may still be put on it.
    room: usize,
}

impl Heap {
    pub(crate) fn new(room: usize) -> Self {
        Self { lists: Vec::new(), maps: Vec::new(), iterators: Vec::new(), room }
    }

    pub(crate) fn charge(&mut self, values: usize) -> Result<(), RenderError> {
        self.room = self.room.checked_sub(values).ok_or(RenderError::Limit("values"))?;
        Ok(())
    }

    /// A new list of a template's own.
    pub fn list(&mut self, items: Vec<Value>) -> Result<Value, RenderError> {
        self.charge(items.len() + 1)?;
        self.lists.push(List { items, is_json: false });
        Ok(Value::List(ListId(self.lists.len() - 1)))
    }

    /// A new map.
    pub fn map(&mut self, entries: impl IntoIterator<Item = (Key, Value)>) -> Result<Value, RenderError> {
        self.add_map(entries.into_iter().collect(), false).map(Value::Map)
    }

    /// A new map that prints nothing.
    pub fn silent_map(
        &mut self,
        entries: impl IntoIterator<Item = (Key, Value)>,
    ) -> Result<MapId, RenderError> {
        self.add_map(entries.into_iter().collect(), true)
    }

    fn add_map(&mut self, entries: Map, is_silent: bool) -> Result<MapId, RenderError> {
        self.charge(entries.len() + 1)?;
        self.maps.push(MapObject { entries, is_silent });
        Ok(MapId(self.maps.len() - 1))
    }

    pub(crate) fn is_silent(&self, id: MapId) -> bool {
        self.maps[id.0].is_silent
    }

    pub(crate) fn iterator(&mut self, items: Vec<Value>) -> Result<Value, RenderError> {
        self.charge(items.len() + 1)?;
        self.iterators.push(Cursor { items, next: 0 });
        Ok(Value::Iterator(self.iterators.len() - 1))
    }

    /// A JSON value as Java holds it.
    pub fn json(&mut self, json: &Json) -> Result<Value, RenderError> {
        self.charge(1)?;
        Ok(match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Boolean(*value),
            Json::Number(number) => {
                let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
                whole.map_or_else(|| Value::Double(number.as_f64().unwrap_or_default()), Value::Integer)
            }
            Json::String(text) => Value::Text(text.as_str().into()),
            Json::Array(elements) => {
                let items = elements.iter().map(|element| self.json(element)).collect::<Result<_, _>>()?;
                self.lists.push(List { items, is_json: true });
                Value::List(ListId(self.lists.len() - 1))
            }
            Json::Object(members) => {
                let mut map = Map::with_capacity(members.len());
                for (name, value) in members {
                    map.insert(Key::from(name.as_str()), self.json(value)?);
                }
                self.maps.push(MapObject { entries: map, is_silent: false });
                Value::Map(MapId(self.maps.len() - 1))
            }
        })
    }

    /// A value as JSON; what JSON has no form for as the text it prints. Where a value contains itself, or becomes too
    /// large, null stands.
    pub fn to_json(&self, value: &Value) -> Json {
        let mut room = MAX_JSON;
        self.to_json_within(value, crate::print::MAX_DEPTH, &mut room)
    }

    fn to_json_within(&self, value: &Value, depth: usize, room: &mut usize) -> Json {
        if depth == 0 || *room == 0 {
            return Json::Null;
        }
        *room -= 1;
        match value {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Bool(*value),
            Value::Integer(number) => {
                i64::try_from(*number).map_or_else(|_| Json::String(number.to_string()), Json::from)
            }
            Value::Double(number) => Json::from(*number),
            Value::List(id) => {
                self.items(*id).iter().map(|item| self.to_json_within(item, depth - 1, room)).collect()
            }
            Value::Map(id) => {
                let mut member = |(key, value): (&Key, &Value)| {
                    (key.to_string(), self.to_json_within(value, depth - 1, room))
                };
                Json::Object(self.entries(*id).map(&mut member).collect())
            }
            other => Json::String(crate::print::text(self, other)),
        }
    }

    /// What a value prints.
    pub fn text(&self, value: &Value) -> String {
        crate::print::text(self, value)
    }

    pub(crate) fn list_of(&self, id: ListId) -> &List {
        &self.lists[id.0]
    }

    pub(crate) fn list_mut(&mut self, id: ListId) -> &mut Vec<Value> {
        &mut self.lists[id.0].items
    }

    pub(crate) fn map_of(&self, id: MapId) -> &Map {
        &self.maps[id.0].entries
    }

    /// The items of a list.
    pub fn items(&self, id: ListId) -> &[Value] {
        &self.lists[id.0].items
    }

    /// The entries of a map, in the order in which they were put.
    pub fn entries(&self, id: MapId) -> impl Iterator<Item = (&Key, &Value)> {
        self.maps[id.0].entries.iter()
    }

    /// The value under a text key of a map.
    pub fn get(&self, id: MapId, key: &str) -> Option<&Value> {
        self.maps[id.0].entries.get(&Key::from(key))
    }

    /// Puts a value into a map; the one that was there before.
    pub fn put(&mut self, id: MapId, key: Key, value: Value) -> Result<Option<Value>, RenderError> {
        self.charge(1)?;
        Ok(self.maps[id.0].entries.insert(key, value))
    }

    pub(crate) fn map_mut(&mut self, id: MapId) -> &mut Map {
        &mut self.maps[id.0].entries
    }

    /// The key that Java would make of a value.
    pub(crate) fn key(&self, value: &Value) -> Key {
        match value {
            Value::Text(text) => Key::Text(Arc::clone(text)),
            Value::Integer(number) => Key::Integer(*number),
            Value::Boolean(value) => Key::Boolean(*value),
            other => Key::Other(crate::print::text(self, other)),
        }
    }
}
