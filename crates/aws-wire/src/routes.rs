//! Routing of REST services by method, path, query and headers, from the models' URI templates.

use std::{collections::HashMap, sync::OnceLock};

use aws_model::{Location, Operation, ServiceModel, ShapeKind};
use http::request::Parts;

use crate::text;

/// An operation found, with the labels of its path.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its service.
    pub model: &'static ServiceModel,
    /// It.
    pub operation: &'static Operation,
    /// Path labels by their wire names, decoded.
    pub labels: Vec<(&'static str, String)>,
}

/// A REST operation's template, taken apart once.
struct Route {
    operation: &'static Operation,
    segments: Vec<Segment>,
    greedy: bool,
    query: Vec<(&'static str, Option<&'static str>)>,
    /// Required members in query and headers: they tell apart operations that share a path (S3).
    required: Vec<(Location, &'static str)>,
}

enum Segment {
    Literal(&'static str),
    Label(&'static str),
}

type Table = HashMap<&'static str, Vec<Route>>;

static TABLES: [OnceLock<Table>; aws_model::NAMES.len()] =
    [const { OnceLock::new() }; aws_model::NAMES.len()];

/// The operation of `model` that a request's method, path and query name; the most specific one.
pub(crate) fn find(model: &'static ServiceModel, parts: &Parts, path: &str) -> Option<Target> {
    let index = aws_model::NAMES.binary_search(&model.name).ok()?;
    let table = TABLES[index].get_or_init(|| build(model));
    let routes = table.get(parts.method.as_str())?;
    let mut segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    // `/bucket/` is the bucket; `/bucket//` is the object whose key is a slash.
    if let [_, ""] = segments[..] {
        segments.truncate(1);
    }
    let query = parts.uri.query().unwrap_or_default();
    let by_required = model.protocol == aws_model::Protocol::RestXml;
    let best = |segments: &[&str]| {
        let mut best: Option<(usize, &Route)> = None;
        for route in routes {
            let Some(score) = score(route, segments, query, parts, by_required) else { continue };
            if best.is_none_or(|(highest, _)| score > highest) {
                best = Some((score, route));
            }
        }
        best
    };
    let found = best(&segments).or_else(|| {
        // Earlier models, which older clients have, end some addresses with a slash.
        segments.pop_if(|last| last.is_empty() && !by_required)?;
        best(&segments)
    });
    let (_, route) = found?;
    Some(Target { model, operation: route.operation, labels: labels(route, &segments) })
}

fn build(model: &'static ServiceModel) -> Table {
    let mut table = Table::new();
    // Of operations that have all alike the first is found: S3 keeps an address when it gives an operation a new name.
    let (old, new): (Vec<_>, Vec<_>) = model.operations.iter().partition(|operation| operation.is_deprecated);
    for operation in new.into_iter().chain(old) {
        let (path, query) = operation.uri.split_once('?').unwrap_or((&operation.uri, ""));
        let mut greedy = false;
        let segments = path
            .strip_prefix('/')
            .unwrap_or(path)
            .split('/')
            .map(|segment| match segment.strip_prefix('{').and_then(|label| label.strip_suffix('}')) {
                Some(label) => {
                    greedy |= label.ends_with('+');
                    Segment::Label(label.trim_end_matches('+'))
                }
                None => Segment::Literal(segment),
            })
            .collect();
        let query = query.split('&').filter(|pair| !pair.is_empty());
        let query = query.map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (pair, None),
        });
        let route = Route {
            operation,
            segments,
            greedy,
            query: query.collect(),
            required: required(model, operation),
        };
        table.entry(operation.method.as_str()).or_default().push(route);
    }
    table
}

fn required(model: &'static ServiceModel, operation: &'static Operation) -> Vec<(Location, &'static str)> {
    let Some(ShapeKind::Structure(input)) = operation.input.map(|input| &model.shape(input).kind) else {
        return Vec::new();
    };
    let carried = input.fields.iter().filter(|field| field.required);
    let carried = carried.filter(|field| matches!(field.location, Location::Query | Location::Header));
    carried.map(|field| (field.location, field.wire_name.as_str())).collect()
}

/// How specific a route is for a request, or `None` if it does not match: literals of the path weigh most, then those
/// of the query, then required members that are there.
fn score(route: &Route, segments: &[&str], query: &str, parts: &Parts, by_required: bool) -> Option<usize> {
    let fits = if route.greedy {
        segments.len() >= route.segments.len()
    } else {
        segments.len() == route.segments.len()
    };
    if !fits {
        return None;
    }
    let mut score = 0;
    for (segment, found) in route.segments.iter().zip(segments) {
        match segment {
            Segment::Literal(literal) if literal == found => score += 10_000,
            Segment::Literal(_) => return None,
            Segment::Label(_) if found.is_empty() && !route.greedy => return None,
            Segment::Label(_) => {}
        }
    }
    for (name, value) in &route.query {
        let there = text::query_pairs(query)
            .any(|(found, has)| found == *name && value.is_none_or(|value| has == value));
        if !there {
            return None;
        }
        score += 100;
    }
    if by_required {
        for (location, name) in &route.required {
            let there = match location {
                Location::Query => text::query_pairs(query).any(|(found, _)| found == *name),
                _ => parts.headers.contains_key(*name),
            };
            if !there {
                return None;
            }
            score += 1;
        }
    }
    Some(score)
}

fn labels(route: &Route, segments: &[&str]) -> Vec<(&'static str, String)> {
    let last = route.segments.len() - 1;
    let named = route.segments.iter().enumerate().filter_map(|(at, segment)| match segment {
        Segment::Label(label) if at == last && route.greedy => Some((*label, segments[at..].join("/"))),
        Segment::Label(label) => Some((*label, segments[at].to_owned())),
        Segment::Literal(_) => None,
    });
    named.map(|(label, raw)| (label, text::decode_percent(&raw).into_owned())).collect()
}
