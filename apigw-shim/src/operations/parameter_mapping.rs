//! What parameter mappings of REST APIs may name, checked when they are set, by operations and documents alike.
//!
//! AWS says all that is wrong at once, in the words of its validator. Whether a mapping finds something to map is known
//! with the request only, and not asked here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    mapping::parameters::{Source, Target},
    rest_api::record::{Flags, MethodResponse, Texts},
};

const REQUEST_PLACES: &[&str] =
    &["header", "multivalueheader", "multivaluequerystring", "path", "querystring"];

/// The names of parameters that a method or a response declares: their own, whichever place they are declared for, as
/// recorded (`test_invoke_with_query_parameters` maps from the query what its method declares of the path). Those of
/// headers are the same in any case.
pub(crate) struct Declared(BTreeSet<String>);

impl Declared {
    pub fn of(parameters: Option<&Flags>) -> Self {
        Self(parameters.into_iter().flatten().map(|(name, _)| comparable(name)).collect())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains(&comparable(name))
    }
}

/// `id` of `method.request.path.id`.
fn comparable(name: &str) -> String {
    let own = name.splitn(4, '.').last().unwrap_or_default();
    let is_header = name.contains(".header.") || name.contains(".multivalueheader.");
    if is_header { own.to_ascii_lowercase() } else { own.to_owned() }
}

/// What is wrong with parameters that a method declares of its requests.
pub(crate) fn check_method(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), String> {
    let wrong = |name: &str| {
        let of_place = REQUEST_PLACES.iter().find_map(|place| named(name, "method.request.", place));
        match of_place {
            None => Some(unmapped(name)),
            Some(own) => (!is_name(own)).then(|| {
                String::from(
                    "Parameter name should match the following regular expression: ^[a-zA-Z0-9:._$-]+$",
                )
            }),
        }
    };
    validated(names.into_iter().filter_map(|name| wrong(name.as_ref())))
}

/// What is wrong with parameters that a method declares of its responses.
pub(crate) fn check_method_response(names: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), String> {
    let wrong = |name: &str| named(name, "method.response.", "header").is_none().then(|| unmapped(name));
    validated(names.into_iter().filter_map(|name| wrong(name.as_ref())))
}

/// What is wrong with mappings into an integration's request. What they take of the request, the method declares.
pub(crate) fn check_integration<'n>(
    mappings: impl IntoIterator<Item = (&'n String, &'n String)>,
    declared: &Declared,
) -> Result<(), String> {
    let wrong = |(target, source): (&String, &String)| {
        if Target::parse(target).is_none() {
            return Some(unmapped(target));
        }
        if !is_literal_or(source, Source::parse_request) {
            return Some(unread(source));
        }
        let is_declarable =
            REQUEST_PLACES.iter().any(|place| named(source, "method.request.", place).is_some());
        (is_declarable && !declared.has(source)).then(|| unmapped(source))
    };
    validated(mappings.into_iter().filter_map(wrong))
}

/// What is wrong with mappings into a method's response, which declares what there is to map to.
pub(crate) fn check_integration_response<'n>(
    mappings: impl IntoIterator<Item = (&'n String, &'n String)>,
    response: Option<&MethodResponse>,
) -> Result<(), String> {
    let mut mappings = mappings.into_iter();
    let Some(response) = response else {
        let nowhere = || String::from("No method response exists for method.");
        return validated(mappings.next().map(|_| nowhere()));
    };
    let declared = Declared::of(response.response_parameters.as_ref());
    let wrong = |(target, source): (&String, &String)| {
        if !declared.has(target) {
            return Some(unmapped(target));
        }
        (!is_literal_or(source, Source::parse_response)).then(|| unread(source))
    };
    validated(mappings.filter_map(wrong))
}

/// What is wrong with the headers of an answer that the gateway gives itself.
pub(crate) fn check_gateway_response(mappings: &Texts) -> Result<(), String> {
    let wrong = |(target, source): (&String, &String)| {
        if named(target, "gatewayresponse.", "header").is_none() {
            return Some(unmapped(target));
        }
        (!is_literal_or(source, Source::parse_request)).then(|| unread(source))
    };
    validated(mappings.iter().filter_map(wrong))
}

/// All entries of a map that may not be there.
pub(crate) fn entries<T>(map: Option<&BTreeMap<String, T>>) -> impl Iterator<Item = (&String, &T)> {
    map.into_iter().flatten()
}

/// The name in `PREFIXplace.name`.
fn named<'n>(text: &'n str, prefix: &str, place: &str) -> Option<&'n str> {
    let name = text.strip_prefix(prefix)?.strip_prefix(place)?.strip_prefix('.')?;
    (!name.is_empty() && !name.contains(char::is_whitespace)).then_some(name)
}

fn is_name(name: &str) -> bool {
    name.chars().all(|character| character.is_ascii_alphanumeric() || ":._$-".contains(character))
}

/// Texts stand in single quotes. In double ones AWS does not take them.
fn is_literal_or(text: &str, parse: impl Fn(&str) -> Result<Source, String>) -> bool {
    match parse(text) {
        Ok(Source::Literal(_)) => text.starts_with('\''),
        Ok(_) => !text.ends_with('.'),
        Err(_) => false,
    }
}

fn unmapped(name: &str) -> String {
    format!("Invalid mapping expression parameter specified: {name}")
}

fn unread(expression: &str) -> String {
    format!("Invalid mapping expression specified: {expression}")
}

/// The validator's report, if there is anything in it.
pub(crate) fn validated(errors: impl IntoIterator<Item = String>) -> Result<(), String> {
    let errors: Vec<String> = errors.into_iter().collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{}]",
        errors.join(", ")
    ))
}
