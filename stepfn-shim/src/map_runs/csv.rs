//! Delimited text as ItemReader reads it: rows of texts, by the names in a header.

use std::collections::BTreeMap;

use asl::{Failure, map_run::Item};
use serde_json::{Map, Value};

/// Rows of delimited text. Fields may be quoted, a quote within is doubled; empty lines are left out.
pub(super) struct Rows<'t> {
    rest: &'t str,
    delimiter: char,
}

impl<'t> Rows<'t> {
    pub(super) fn new(text: &'t str, delimiter: char) -> Self {
        Self { rest: text.strip_prefix('\u{FEFF}').unwrap_or(text), delimiter }
    }
}

impl Iterator for Rows<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        self.rest = self.rest.trim_start_matches(['\n', '\r']);
        if self.rest.is_empty() {
            return None;
        }
        let mut row = vec![String::new()];
        let mut quoted = false;
        let mut characters = self.rest.char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = characters.next() {
            let field = row.last_mut()?;
            match c {
                '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    characters.next();
                    field.push('"');
                }
                '"' if quoted => quoted = false,
                '"' if field.is_empty() => quoted = true,
                c if quoted => field.push(c),
                '\r' if characters.peek().is_none_or(|(_, next)| *next == '\n') => {}
                '\n' => {
                    end = at + 1;
                    break;
                }
                c if c == self.delimiter => row.push(String::new()),
                c => field.push(c),
            }
        }
        self.rest = &self.rest[end..];
        Some(row)
    }
}

/// Names of columns, none of them twice.
pub(super) fn header(names: Vec<String>) -> Result<Vec<String>, Failure> {
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Failure::item_reader("CSV headers cannot contain duplicates."));
    }
    Ok(names)
}

/// A row as an object. As recorded: fields without a name are left out, names without a field have an empty text.
pub(super) fn object(header: &[String], row: Vec<String>) -> Item {
    let mut fields = row.into_iter();
    let named = header.iter().map(|name| (name.clone(), Value::String(fields.next().unwrap_or_default())));
    // As recorded, the members are in the order of their names.
    let sorted: BTreeMap<String, Value> = named.collect();
    Item { key: None, value: Value::Object(sorted.into_iter().collect::<Map<_, _>>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_what_they_hold() {
        let text = "a,b\r\n\r\n\"x,1\",\"say \"\"no\"\"\nor\"\nlast, \n";
        let rows: Vec<_> = Rows::new(text, ',').collect();
        assert_eq!(rows, [vec!["a", "b"], vec!["x,1", "say \"no\"\nor"], vec!["last", " "]]);
        assert_eq!(Rows::new("a|b", '|').next().unwrap(), ["a", "b"]);
    }

    #[test]
    fn rows_are_as_wide_as_the_header() {
        let header = header(vec!["h".into(), String::new()]).unwrap();
        let item = object(&header, vec!["1".into(), "2".into(), "3".into()]);
        assert_eq!(item.value, serde_json::json!({ "h": "1", "": "2" }));
        assert_eq!(object(&header, vec!["1".into()]).value, serde_json::json!({ "h": "1", "": "" }));
        assert!(super::header(vec!["a".into(), "a".into()]).is_err());
    }
}
