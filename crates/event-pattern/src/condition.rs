//! What a value may be: the leaves of a pattern.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value};

use crate::{PatternError, reason, wildcard};

/// One item of a leaf's list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Equals(Value),
    Exists(bool),
    Text(TextCondition),
    Numeric(Vec<(Comparison, f64)>),
    Cidr { network: IpAddr, bits: u32 },
    AnythingBut(Vec<Condition>),
}

/// A condition on texts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextCondition {
    Prefix { text: String, ignore_case: bool },
    Suffix { text: String, ignore_case: bool },
    EqualsIgnoringCase(String),
    Wildcard(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Condition {
    pub(crate) fn of(value: &Value) -> Result<Self, PatternError> {
        match value {
            Value::Object(members) => Self::named(members),
            Value::Array(_) => Err(reason("Match value must be String, number, true, false, or null")),
            value => Ok(Self::Equals(value.clone())),
        }
    }

    fn named(members: &Map<String, Value>) -> Result<Self, PatternError> {
        let mut entries = members.iter();
        let (Some((name, value)), None) = (entries.next(), entries.next()) else {
            return Err(reason("Only one key allowed in match expression"));
        };
        match name.as_str() {
            "exists" => value
                .as_bool()
                .map(Self::Exists)
                .ok_or_else(|| reason("exists match pattern must be true or false")),
            "prefix" | "suffix" | "equals-ignore-case" | "wildcard" => text(name, value).map(Self::Text),
            "numeric" => numeric(value).map(Self::Numeric),
            "cidr" => cidr(value),
            "anything-but" => anything_but(value).map(Self::AnythingBut),
            other => Err(reason(format!("Unrecognized match type {other}"))),
        }
    }

    pub(crate) fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => {
                // An object is no leaf: what is below it may exist, it does not.
                let exists = value.is_some_and(|value| !value.is_object());
                exists == *wanted
            }
            (_, None) => false,
            (Self::AnythingBut(refused), Some(value)) => match value {
                Value::Array(items) => {
                    items.iter().any(|item| !refused.iter().any(|refused| refused.holds_for(item)))
                }
                Value::Object(_) => false,
                value => !refused.iter().any(|refused| refused.holds_for(value)),
            },
            (condition, Some(Value::Array(items))) => items.iter().any(|item| condition.holds_for(item)),
            (condition, Some(value)) => condition.holds_for(value),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        match self {
            Self::Equals(Value::Number(wanted)) => {
                value.as_f64().is_some_and(|number| Some(number) == wanted.as_f64())
            }
            Self::Equals(wanted) => wanted == value,
            Self::Exists(wanted) => *wanted,
            Self::Text(condition) => value.as_str().is_some_and(|text| condition.holds(text)),
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|number| {
                comparisons.iter().all(|(comparison, bound)| match comparison {
                    Comparison::Equal => number == *bound,
                    Comparison::Less => number < *bound,
                    Comparison::AtMost => number <= *bound,
                    Comparison::More => number > *bound,
                    Comparison::AtLeast => number >= *bound,
                })
            }),
            Self::Cidr { network, bits } => value
                .as_str()
                .and_then(|text| text.parse().ok())
                .is_some_and(|ip| within(ip, *network, *bits)),
            Self::AnythingBut(refused) => !refused.iter().any(|refused| refused.holds_for(value)),
        }
    }
}

impl TextCondition {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Prefix { text: prefix, ignore_case: false } => text.starts_with(prefix),
            Self::Prefix { text: prefix, ignore_case: true } => {
                text.to_lowercase().starts_with(&prefix.to_lowercase())
            }
            Self::Suffix { text: suffix, ignore_case: false } => text.ends_with(suffix),
            Self::Suffix { text: suffix, ignore_case: true } => {
                text.to_lowercase().ends_with(&suffix.to_lowercase())
            }
            Self::EqualsIgnoringCase(wanted) => text.to_lowercase() == wanted.to_lowercase(),
            Self::Wildcard(pattern) => wildcard::matches(pattern, text),
        }
    }
}

fn text(name: &str, value: &Value) -> Result<TextCondition, PatternError> {
    let ignoring = value.get("equals-ignore-case").and_then(Value::as_str);
    let plain = value.as_str();
    let given = plain.or(ignoring).map(str::to_owned);
    let text = given.ok_or_else(|| reason(format!("{name} match pattern must be a string")))?;
    let ignore_case = plain.is_none();
    match name {
        "prefix" => Ok(TextCondition::Prefix { text, ignore_case }),
        "suffix" => Ok(TextCondition::Suffix { text, ignore_case }),
        "wildcard" if !ignore_case => {
            wildcard::check(&text)?;
            Ok(TextCondition::Wildcard(text))
        }
        "equals-ignore-case" if !ignore_case => Ok(TextCondition::EqualsIgnoringCase(text)),
        _ => Err(reason(format!("{name} match pattern must be a string"))),
    }
}

fn numeric(value: &Value) -> Result<Vec<(Comparison, f64)>, PatternError> {
    let wrong = || reason("Value of numeric must be an array of operators and numbers");
    let items =
        value.as_array().filter(|items| !items.is_empty() && items.len() % 2 == 0).ok_or_else(wrong)?;
    let pairs = items.chunks(2).map(|pair| {
        let comparison = match pair[0].as_str() {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::AtMost,
            Some(">") => Comparison::More,
            Some(">=") => Comparison::AtLeast,
            _ => return Err(reason(format!("Unrecognized numeric range operator: {}", pair[0]))),
        };
        Ok((comparison, pair[1].as_f64().ok_or_else(wrong)?))
    });
    pairs.collect()
}

fn cidr(value: &Value) -> Result<Condition, PatternError> {
    let wrong = || reason("Malformed CIDR, one '/' required");
    let (network, bits) = value.as_str().and_then(|text| text.split_once('/')).ok_or_else(wrong)?;
    let network: IpAddr = network.parse().map_err(|_| wrong())?;
    let most = if network.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?;
    Ok(Condition::Cidr { network, bits })
}

fn within(ip: IpAddr, network: IpAddr, bits: u32) -> bool {
    let of_four = |ip: Ipv4Addr| u32::from(ip).checked_shr(32 - bits).unwrap_or(0);
    let of_six = |ip: Ipv6Addr| u128::from(ip).checked_shr(128 - bits).unwrap_or(0);
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => of_four(ip) == of_four(network),
        (IpAddr::V6(ip), IpAddr::V6(network)) => of_six(ip) == of_six(network),
        _ => false,
    }
}

fn anything_but(value: &Value) -> Result<Vec<Condition>, PatternError> {
    match value {
        Value::Array(items) if items.is_empty() => Err(reason("Empty arrays are not allowed")),
        Value::Array(items) => items.iter().map(plain).collect(),
        // `{"prefix": ["a", "b"]}` refuses each.
        Value::Object(members) => {
            let mut refused = Vec::new();
            for (name, value) in members {
                let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
                for value in values {
                    refused.push(Condition::Text(text(name, value)?));
                }
            }
            if refused.is_empty() { Err(reason("Empty objects are not allowed")) } else { Ok(refused) }
        }
        value => plain(value).map(|condition| vec![condition]),
    }
}

fn plain(value: &Value) -> Result<Condition, PatternError> {
    match value {
        Value::String(_) | Value::Number(_) => Ok(Condition::Equals(value.clone())),
        _ => Err(reason("Inside anything but list, only strings and numbers are allowed")),
    }
}
