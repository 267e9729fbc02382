//! Choice rules: comparisons of what a path points at, and their combinations.

use std::{borrow::Cow, cmp::Ordering};

use serde_json::Value;

use crate::{failure::Failure, path::Path, scope::Environment, template::Query, time::Timestamp};

/// A choice rule, compiled.
#[derive(Debug, Clone)]
pub enum Rule {
    /// All hold.
    And(Vec<Rule>),
    /// One holds.
    Or(Vec<Rule>),
    /// It does not hold.
    Not(Box<Rule>),
    /// A JSONata expression that must give `true` or `false`.
    Query(Box<Query>),
    /// Whatever the input is.
    Always(bool),
    /// A comparison.
    Test {
        /// What is compared.
        variable: Path,
        /// How, and with what.
        test: Test,
    },
}

/// How a value is compared.
#[derive(Debug, Clone)]
pub enum Test {
    /// `StringEquals` and the like: two values of one kind.
    Compare(Kind, Relation, Operand),
    /// `StringMatches`: a pattern in which `*` stands for anything.
    Matches(String),
    /// `IsNull` and the like, and the answer wanted.
    Is(Property, bool),
}

/// The kind of values a comparison takes; of others it never holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Texts, by their UTF-8 order.
    String,
    /// Numbers.
    Numeric,
    /// `true` or `false`.
    Boolean,
    /// Texts that are timestamps.
    Timestamp,
}

/// A relation of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equals,
    LessThan,
    GreaterThan,
    LessThanEquals,
    GreaterThanEquals,
}

/// What a comparison compares with.
#[derive(Debug, Clone)]
pub enum Operand {
    /// A value of the definition.
    Literal(Value),
    /// A value the input has (`StringEqualsPath`).
    Path(Path),
}

/// What `Is…` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Property {
    Null,
    Present,
    Numeric,
    String,
    Boolean,
    Timestamp,
}

impl Test {
    /// The test an operator stands for, e.g. `NumericLessThanEqualsPath`. `None` if there is no such operator, an error
    /// in words if its operand is none that it takes.
    pub fn parse(operator: &str, operand: &Value) -> Option<Result<Self, String>> {
        if let Some(property) = property(operator) {
            return Some(
                operand
                    .as_bool()
                    .map(|wanted| Self::Is(property, wanted))
                    .ok_or_else(|| expected("BOOLEAN", operand)),
            );
        }
        if operator == "StringMatches" {
            let pattern = operand.as_str().ok_or_else(|| expected("STRING", operand));
            return Some(pattern.map(|pattern| Self::Matches(pattern.to_owned())));
        }
        let (bare, by_path) = operator.strip_suffix("Path").map_or((operator, false), |bare| (bare, true));
        let (kind, relation) = [
            ("String", Kind::String),
            ("Numeric", Kind::Numeric),
            ("Boolean", Kind::Boolean),
            ("Timestamp", Kind::Timestamp),
        ]
        .into_iter()
        .find_map(|(name, kind)| Some((kind, relation(bare.strip_prefix(name)?)?)))?;
        if kind == Kind::Boolean && relation != Relation::Equals {
            return None;
        }
        Some(Self::operand(kind, operand, by_path).map(|operand| Self::Compare(kind, relation, operand)))
    }

    /// The test in a few words: `>= 3`, `is null`.
    fn summary(&self) -> String {
        match self {
            Self::Matches(pattern) => format!("like {pattern}"),
            Self::Is(property, wanted) => {
                let property = format!("{property:?}").to_lowercase();
                format!("is {}{property}", if *wanted { "" } else { "not " })
            }
            Self::Compare(_, relation, operand) => {
                let sign = match relation {
                    Relation::Equals => "=",
                    Relation::LessThan => "<",
                    Relation::GreaterThan => ">",
                    Relation::LessThanEquals => "≤",
                    Relation::GreaterThanEquals => "≥",
                };
                match operand {
                    Operand::Literal(value) => format!("{sign} {value}"),
                    Operand::Path(path) => format!("{sign} {}", path.text()),
                }
            }
        }
    }

    fn operand(kind: Kind, operand: &Value, by_path: bool) -> Result<Operand, String> {
        if by_path {
            let text = operand.as_str().ok_or_else(|| expected("STRING", operand))?;
            return Path::parse(text)
                .map(Operand::Path)
                .map_err(|_| String::from("Value is not a Reference Path"));
        }
        let (fits, name) = match kind {
            Kind::String => (operand.is_string(), "STRING"),
            Kind::Numeric => (operand.is_number(), "NUMBER"),
            Kind::Boolean => (operand.is_boolean(), "BOOLEAN"),
            Kind::Timestamp => (operand.as_str().and_then(Timestamp::parse).is_some(), "TIMESTAMP"),
        };
        if fits { Ok(Operand::Literal(operand.clone())) } else { Err(expected(name, operand)) }
    }
}

fn expected(wanted: &str, found: &Value) -> String {
    format!("Expected value of type {wanted} but was {}", crate::template::kind(found))
}

fn property(operator: &str) -> Option<Property> {
    Some(match operator {
        "IsNull" => Property::Null,
        "IsPresent" => Property::Present,
        "IsNumeric" => Property::Numeric,
        "IsString" => Property::String,
        "IsBoolean" => Property::Boolean,
        "IsTimestamp" => Property::Timestamp,
        _ => return None,
    })
}

fn relation(name: &str) -> Option<Relation> {
    Some(match name {
        "Equals" => Relation::Equals,
        "LessThan" => Relation::LessThan,
        "GreaterThan" => Relation::GreaterThan,
        "LessThanEquals" => Relation::LessThanEquals,
        "GreaterThanEquals" => Relation::GreaterThanEquals,
        _ => return None,
    })
}

impl Rule {
    /// All variables it reads.
    pub fn variables<'e>(&'e self, found: &mut Vec<&'e str>) {
        match self {
            Self::And(rules) | Self::Or(rules) => rules.iter().for_each(|rule| rule.variables(found)),
            Self::Not(rule) => rule.variables(found),
            Self::Query(query) => query.variables(found),
            Self::Always(_) => {}
            Self::Test { variable, test } => {
                found.extend(variable.variable());
                if let Test::Compare(_, _, Operand::Path(path)) = test {
                    found.extend(path.variable());
                }
            }
        }
    }

    /// The condition in a few words, for a picture.
    pub fn summary(&self) -> String {
        let joined =
            |rules: &[Rule], with: &str| rules.iter().map(Self::summary).collect::<Vec<_>>().join(with);
        match self {
            Self::And(rules) => joined(rules, " and "),
            Self::Or(rules) => joined(rules, " or "),
            Self::Not(rule) => format!("not {}", rule.summary()),
            Self::Query(query) => query.expression.source().to_owned(),
            Self::Always(always) => always.to_string(),
            Self::Test { variable, test } => {
                // The last step says most.
                let text = variable.text();
                let name = text.rsplit('.').next().unwrap_or(text);
                format!("{name} {}", test.summary())
            }
        }
    }

    /// Whether it holds. A path that points at nothing is an error, but for `IsPresent`.
    pub fn holds(&self, env: &Environment<'_>) -> Result<bool, Failure> {
        match self {
            Self::And(rules) => all(rules, env, true),
            Self::Or(rules) => all(rules, env, false).map(|none| !none),
            Self::Not(rule) => rule.holds(env).map(|holds| !holds),
            Self::Query(query) => match query.evaluate(env)? {
                Value::Bool(holds) => Ok(holds),
                other => Err(query.unexpected("boolean", &other)),
            },
            Self::Always(holds) => Ok(*holds),
            Self::Test { variable, test: Test::Is(Property::Present, wanted) } => {
                Ok(variable.evaluate(env).is_ok() == *wanted)
            }
            Self::Test { variable, test } => {
                let value = lookup(variable, env)?;
                match test {
                    Test::Matches(pattern) => Ok(value.as_str().is_some_and(|text| matches(pattern, text))),
                    Test::Is(property, wanted) => Ok(has(&value, *property) == *wanted),
                    Test::Compare(kind, relation, Operand::Literal(with)) => {
                        Ok(compare(*kind, *relation, &value, with))
                    }
                    Test::Compare(kind, relation, Operand::Path(path)) => {
                        Ok(compare(*kind, *relation, &value, &*lookup(path, env)?))
                    }
                }
            }
        }
    }
}

/// Whether all hold (`wanted`), or none does.
fn all(rules: &[Rule], env: &Environment<'_>, wanted: bool) -> Result<bool, Failure> {
    for rule in rules {
        if rule.holds(env)? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lookup<'v>(path: &Path, env: &'v Environment<'_>) -> Result<Cow<'v, Value>, Failure> {
    path.evaluate(env).map_err(|_| {
        Failure::runtime(format!(
            "Invalid path '{}': The choice state's condition path references an invalid value.",
            path.text()
        ))
    })
}

fn has(value: &Value, property: Property) -> bool {
    match property {
        Property::Null => value.is_null(),
        Property::Present => true,
        Property::Numeric => value.is_number(),
        Property::String => value.is_string(),
        Property::Boolean => value.is_boolean(),
        Property::Timestamp => value.as_str().and_then(Timestamp::parse).is_some(),
    }
}

fn compare(kind: Kind, relation: Relation, left: &Value, right: &Value) -> bool {
    let order = match kind {
        Kind::String => left.as_str().zip(right.as_str()).map(|(left, right)| left.cmp(right)),
        Kind::Boolean => left.as_bool().zip(right.as_bool()).map(|(left, right)| left.cmp(&right)),
        Kind::Numeric => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right)),
        },
        Kind::Timestamp => {
            let moment = |value: &Value| value.as_str().and_then(Timestamp::parse);
            moment(left).zip(moment(right)).map(|(left, right)| left.cmp(&right))
        }
    };
    order.is_some_and(|order| match relation {
        Relation::Equals => order == Ordering::Equal,
        Relation::LessThan => order == Ordering::Less,
        Relation::GreaterThan => order == Ordering::Greater,
        Relation::LessThanEquals => order != Ordering::Greater,
        Relation::GreaterThanEquals => order != Ordering::Less,
    })
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text and `\*` for a star. Linear in both.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = vec![String::new()];
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let last = parts.len() - 1;
        match character {
            '\\' => parts[last].extend(characters.next()),
            '*' => parts.push(String::new()),
            other => parts[last].push(other),
        }
    }
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let Some((last, middle)) = rest.split_last() else { return text == first };
    let Some(mut remaining) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match remaining.find(part.as_str()) {
            Some(at) => remaining = &remaining[at + part.len()..],
            None => return false,
        }
    }
    remaining.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in
            [("log-*.txt", "log-1.txt"), ("*", ""), ("a*b*c", "a--b--bc"), (r"\*a", "*a"), ("a", "a")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("log-*.txt", "log-1.zip"), ("a*a", "a"), ("", "a"), (r"\*a", "ba")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
