//! Java's `toString` of values.

use std::fmt::Write as _;

use crate::value::{Heap, Key, ListId, MapId, Value};

/// Lists and maps within each other that are printed; below, and where one contains itself, `...` stands.
pub(crate) const MAX_DEPTH: usize = 64;
/// Where one text stops growing, whatever contains what.
const MAX_LENGTH: usize = 16 * 1024 * 1024;

/// What a value prints.
pub(crate) fn text(heap: &Heap, value: &Value) -> String {
    let mut out = String::new();
    write(heap, value, &mut out);
    out
}

/// Appends what a value prints.
pub(crate) fn write(heap: &Heap, value: &Value, out: &mut String) {
    Printer { heap, out, within: Vec::new() }.java(value);
}

struct Printer<'a> {
    heap: &'a Heap,
    out: &'a mut String,
    /// The lists and maps that are being printed.
    within: Vec<Container>,
}

#[derive(Clone, Copy, PartialEq)]
enum Container {
    List(ListId),
    Map(MapId),
}

impl Printer<'_> {
    fn java(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Boolean(value) => self.put(value),
            Value::Integer(number) => self.put(number),
            Value::Double(number) => self.out.push_str(&java_double(*number)),
            Value::Text(text) => self.out.push_str(text),
            Value::List(id) if self.heap.list_of(*id).is_json => self.json(value),
            Value::List(id) => self.inside(Container::List(*id), |printer| {
                printer.out.push('[');
                for (index, item) in printer.heap.items(*id).iter().enumerate() {
                    printer.separate(index, ", ");
                    printer.java(item);
                }
                printer.out.push(']');
            }),
            Value::Map(id) if self.heap.is_silent(*id) => {}
            Value::Map(id) => self.inside(Container::Map(*id), |printer| {
                printer.out.push('{');
                for (index, (key, item)) in printer.heap.entries(*id).enumerate() {
                    printer.separate(index, ", ");
                    printer.entry(key, item);
                }
                printer.out.push('}');
            }),
            Value::Entry(entry) => self.entry(&entry.0, &entry.1),
            Value::Host(host) => self.out.push_str(&host.text()),
            Value::Iterator(_) | Value::Loop(_) | Value::Block(_) => {}
        }
    }

    /// Prints a list or a map, unless it is in itself or the text is too long already.
    fn inside(&mut self, container: Container, print: impl FnOnce(&mut Self)) {
        if self.within.len() >= MAX_DEPTH || self.out.len() > MAX_LENGTH || self.within.contains(&container) {
            self.out.push_str("...");
            return;
        }
        self.within.push(container);
        print(self);
        self.within.pop();
    }

    fn separate(&mut self, index: usize, separator: &str) {
        if index > 0 {
            self.out.push_str(separator);
        }
    }

    fn put(&mut self, value: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn entry(&mut self, key: &Key, value: &Value) {
        self.put(key);
        self.out.push('=');
        self.java(value);
    }

    /// What came from JSON as a list prints as JSON, all the way down.
    fn json(&mut self, value: &Value) {
        match value {
            Value::List(id) => self.inside(Container::List(*id), |printer| {
                printer.out.push('[');
                for (index, item) in printer.heap.items(*id).iter().enumerate() {
                    printer.separate(index, ",");
                    printer.json(item);
                }
                printer.out.push(']');
            }),
            Value::Map(id) => self.inside(Container::Map(*id), |printer| {
                printer.out.push('{');
                for (index, (key, item)) in printer.heap.entries(*id).enumerate() {
                    printer.separate(index, ",");
                    printer.put(serde_json::Value::String(key.to_string()));
                    printer.out.push(':');
                    printer.json(item);
                }
                printer.out.push('}');
            }),
            Value::Null | Value::Boolean(_) | Value::Integer(_) | Value::Double(_) => self.java(value),
            other => {
                let text = text(self.heap, other);
                self.put(serde_json::Value::String(text));
            }
        }
    }
}

/// `Double.toString`.
pub(crate) fn java_double(value: f64) -> String {
    if value.is_nan() {
        return String::from("NaN");
    }
    if value.is_infinite() {
        return String::from(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => scientific,
    }
}
