//! Shapes: what a value is, how it is bound to the wire, and what is asked of it.

use std::cmp::Ordering;

pub use crate::pattern::Pattern;

/// A shape's place in its service's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeRef(pub(crate) u32);

/// One shape.
#[derive(Debug)]
pub struct Shape {
    /// The model's name of it.
    pub name: String,
    /// What it is.
    pub kind: ShapeKind,
    /// The HTTP status, for errors.
    pub error_status: Option<u16>,
    /// The code, for errors whose code is not their name.
    pub error_code: Option<String>,
    /// Whether this error is the client's fault (the query protocol tells).
    pub sender_fault: bool,
}

/// What a value is.
#[derive(Debug)]
pub enum ShapeKind {
    /// Members by name.
    Structure(StructureShape),
    /// A list of one shape.
    List {
        /// The items' shape.
        item: ShapeRef,
        /// The XML name of an item (`member` if not given).
        item_element: Option<String>,
        /// Whether items stand without a wrapper.
        flattened: bool,
        /// Fewest items.
        min: Option<u64>,
        /// Most items.
        max: Option<u64>,
    },
    /// Text keys to one shape.
    Map {
        /// The keys' shape.
        key: ShapeRef,
        /// The values' shape.
        value: ShapeRef,
        /// XML names of key and value.
        elements: (String, String),
        /// Whether entries stand without a wrapper.
        flattened: bool,
        /// Fewest entries.
        min: Option<u64>,
        /// Most entries.
        max: Option<u64>,
    },
    /// Text.
    Text {
        /// The values allowed, if they are listed.
        values: Vec<String>,
        /// A pattern that the whole text must match.
        pattern: Option<Pattern>,
        /// Shortest, in characters.
        min: Option<u64>,
        /// Longest, in characters.
        max: Option<u64>,
        /// Whether a header carries it as base64 of JSON.
        format: TextFormat,
    },
    /// Bytes.
    Blob {
        /// Whether it may be streamed.
        streaming: bool,
        /// Fewest bytes.
        min: Option<u64>,
        /// Most bytes.
        max: Option<u64>,
    },
    /// A moment.
    Timestamp(Option<TimestampFormat>),
    /// A whole number, 32 or 64 bits.
    Integer {
        /// Smallest.
        min: Option<i64>,
        /// Largest.
        max: Option<i64>,
        /// Whether it has 64 bits.
        long: bool,
    },
    /// A number.
    Double {
        /// Smallest.
        min: Option<f64>,
        /// Largest.
        max: Option<f64>,
    },
    /// True or false.
    Boolean,
}

/// How a text is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// As it is.
    Plain,
    /// `jsonvalue`: JSON, as base64 in headers.
    Json,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// Seconds since the epoch.
    EpochSeconds,
    /// RFC 3339.
    Iso8601,
    /// RFC 7231's date.
    HttpDate,
}

/// A structure.
#[derive(Debug)]
pub struct StructureShape {
    /// Its members, in the model's order.
    pub fields: Vec<Field>,
    /// The member that is the HTTP body, as an index into `fields`.
    pub payload: Option<usize>,
    /// Whether exactly one member is set.
    pub union: bool,
    /// Whether it is an event stream: each member is a kind of event.
    pub event_stream: bool,
    /// Whether it is free-form JSON.
    pub document: bool,
    /// `fields` by name, shorter ones first: most names are told apart by their length.
    pub(crate) by_name: Vec<usize>,
}

impl StructureShape {
    /// The member of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let found = self.by_name.binary_search_by(|index| by_length(&self.fields[*index].name, name)).ok()?;
        Some(&self.fields[self.by_name[found]])
    }
}

/// The order in which members are looked up.
pub(crate) fn by_length(one: &str, other: &str) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// A member of a structure.
#[derive(Debug)]
pub struct Field {
    /// The model's name of it.
    pub name: String,
    /// Its shape.
    pub shape: ShapeRef,
    /// Its name on the wire (`locationName`, else `name`).
    pub wire_name: String,
    /// The wire name, if the model gives one of its own.
    pub has_wire_name: bool,
    /// Its name in EC2's requests, where that is another than the wire name.
    pub query_name: Option<String>,
    /// Where it is carried.
    pub location: Location,
    /// Whether it must be there.
    pub required: bool,
    /// Whether a client makes one up when it is missing.
    pub idempotency_token: bool,
    /// Whether it is an event's payload.
    pub event_payload: bool,
    /// Whether it is an XML attribute.
    pub xml_attribute: bool,
    /// Whether a list stands without a wrapper (given on the member).
    pub flattened: bool,
    /// An XML name space `(prefix, uri)` on its element.
    pub xml_namespace: Option<(Option<String>, String)>,
}

/// Where a member is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// The body.
    Body,
    /// A label of the path.
    Uri,
    /// The query string.
    Query,
    /// A header.
    Header,
    /// All headers with a prefix.
    Headers,
    /// The answer's HTTP status.
    Status,
}
