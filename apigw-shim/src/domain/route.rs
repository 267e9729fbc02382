//! Which API a request to a custom domain name is for, decided from the domain's rules and mappings alone.
//!
//! Source: AWS, "Routing rules to connect API stages to a custom domain name for REST APIs" and "Use API mappings to
//! connect API stages to a custom domain name" (API Gateway Developer Guide).

use std::sync::Arc;

use http::HeaderMap;
use proxy_events::CustomDomain;
use runtime::Scope;

use super::{
    record::{Condition, Domain, Mapping, RoutingMode, Rule},
    truststore::Truststore,
};

/// A domain with all that chooses among its APIs, in the order in which it is tried.
pub(crate) struct Routes {
    pub scope: Scope,
    pub domain: Arc<Domain>,
    /// By their priorities.
    pub rules: Vec<Arc<Rule>>,
    /// Longest paths first.
    pub mappings: Vec<Arc<Mapping>>,
    /// Whose certificates clients must show, where they must show any.
    pub truststore: Option<Arc<Truststore>>,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'r> {
    pub api_id: &'r str,
    pub stage: Option<&'r str>,
    /// The path below the base path.
    pub path: String,
    pub found: CustomDomain,
}

impl Routes {
    pub fn new(
        scope: Scope,
        domain: Arc<Domain>,
        mut rules: Vec<Arc<Rule>>,
        mut mappings: Vec<Arc<Mapping>>,
    ) -> Self {
        rules.sort_by_key(|rule| rule.priority);
        mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.path.len()));
        let truststore = Truststore::of(&domain).map(Arc::new);
        Self { scope, domain, rules, mappings, truststore }
    }

    /// The API for a request of that path, without its query.
    pub fn find(&self, path: &str, headers: &HeaderMap) -> Option<Target<'_>> {
        let by_rule = || self.rules.iter().find_map(|rule| by_rule(rule, path, headers));
        let by_mapping = || self.mappings.iter().find_map(|mapping| by_mapping(mapping, path));
        match self.domain.routing_mode {
            RoutingMode::MappingOnly => by_mapping(),
            RoutingMode::RuleOnly => by_rule(),
            RoutingMode::RuleThenMapping => by_rule().or_else(by_mapping),
        }
    }
}

fn by_mapping<'r>(mapping: &'r Mapping, path: &str) -> Option<Target<'r>> {
    let below = below(&mapping.path, path)?.to_owned();
    Some(Target {
        api_id: &mapping.api_id,
        stage: mapping.stage.as_deref(),
        path: below,
        found: CustomDomain {
            path: path.to_owned(),
            base_path: if mapping.path.is_empty() { String::from("(none)") } else { mapping.path.clone() },
            rule: None,
        },
    })
}

fn by_rule<'r>(rule: &'r Rule, path: &str, headers: &HeaderMap) -> Option<Target<'r>> {
    let mut matched = "";
    for condition in &rule.conditions {
        match condition {
            Condition::BasePaths(paths) => {
                matched = paths.iter().find(|base| below(base, path).is_some())?;
            }
            Condition::Headers(all) => {
                let has = |(name, glob): &(String, String)| {
                    let mut values = headers.get_all(name.as_str()).iter();
                    values.any(|value| value.to_str().is_ok_and(|value| fits(glob, value)))
                };
                if !all.iter().any(has) {
                    return None;
                }
            }
        }
    }
    let below = if rule.strip_base_path { below(matched, path)? } else { path };
    Some(Target {
        api_id: &rule.api_id,
        stage: Some(&rule.stage),
        path: below.to_owned(),
        found: CustomDomain {
            path: path.to_owned(),
            base_path: if matched.is_empty() { String::from("(none)") } else { matched.to_owned() },
            rule: Some(rule.id.clone()),
        },
    })
}

/// What of a path is below a base path: whole parts of it, letter by letter.
fn below<'p>(base: &str, path: &'p str) -> Option<&'p str> {
    let base = base.trim_matches('/');
    if base.is_empty() {
        return Some(path);
    }
    match path.strip_prefix('/')?.strip_prefix(base)? {
        "" => Some("/"),
        rest if rest.starts_with('/') => Some(rest),
        _ => None,
    }
}

/// Whether a value is what a rule wants: a `*` before it, behind it or at both ends stands for anything.
fn fits(glob: &str, value: &str) -> bool {
    match (glob.strip_prefix('*'), glob.strip_suffix('*')) {
        _ if glob == "*" => true,
        (Some(_), Some(_)) => value.contains(glob.trim_matches('*')),
        (Some(end), None) => value.ends_with(end),
        (None, Some(start)) => value.starts_with(start),
        (None, None) => value == glob,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(mode: RoutingMode, rules: Vec<Rule>, mappings: &[(&str, &str)]) -> Routes {
        let domain = Domain {
            name: "api.example.com".to_owned(),
            id: "d".to_owned(),
            endpoint_type: crate::domain::record::EndpointType::Regional,
            ip_address_type: "ipv4".to_owned(),
            certificate_arn: None,
            certificate_name: None,
            ownership_certificate_arn: None,
            uploaded: 0.0,
            security_policy: "TLS_1_2".to_owned(),
            endpoint_access_mode: None,
            routing_mode: mode,
            tags: Default::default(),
            policy: None,
            management_policy: None,
            mutual_tls: None,
        };
        let mapping = |(path, api): &(&str, &str)| {
            Arc::new(Mapping {
                id: String::new(),
                path: (*path).to_owned(),
                api_id: (*api).to_owned(),
                stage: Some("dev".to_owned()),
            })
        };
        let scope = Scope::new("000000000000", "us-east-1");
        Routes::new(
            scope,
            Arc::new(domain),
            rules.into_iter().map(Arc::new).collect(),
            mappings.iter().map(mapping).collect(),
        )
    }

    fn rule(priority: u32, api: &str, strip_base_path: bool, conditions: Vec<Condition>) -> Rule {
        Rule {
            id: format!("rule{priority}"),
            priority,
            conditions,
            api_id: api.to_owned(),
            stage: "dev".to_owned(),
            strip_base_path,
        }
    }

    fn header(name: &str, value: &str) -> Condition {
        Condition::Headers(vec![(name.to_owned(), value.to_owned())])
    }

    fn at(routes: &Routes, path: &str, headers: &[(&'static str, &str)]) -> Option<(String, String)> {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let found = routes.find(path, &headers.collect())?;
        Some((found.api_id.to_owned(), found.path))
    }

    fn to(api: &str, path: &str) -> Option<(String, String)> {
        Some((api.to_owned(), path.to_owned()))
    }

    #[test]
    fn the_longest_mapping_of_whole_parts_wins() {
        let some =
            routes(RoutingMode::MappingOnly, vec![], &[("v1", "a"), ("v1/orders", "b"), ("v1/o", "c")]);
        assert_eq!(at(&some, "/v1/orders/7", &[]), to("b", "/7"));
        assert_eq!(at(&some, "/v1/orders", &[]), to("b", "/"));
        assert_eq!(at(&some, "/v1/ordersx", &[]), to("a", "/ordersx"));
        assert_eq!(at(&some, "/V1", &[]), None);
        assert_eq!(at(&some, "/", &[]), None);
        let all = routes(RoutingMode::MappingOnly, vec![], &[("", "root"), ("v1", "a")]);
        assert_eq!(at(&all, "/x/y", &[]), to("root", "/x/y"));
        assert_eq!(at(&all, "/v1/", &[]), to("a", "/"));
    }

    #[test]
    fn rules_are_tried_by_priority_and_before_mappings() {
        let users = || Condition::BasePaths(vec!["users".to_owned(), "people".to_owned()]);
        let rules = vec![
            rule(50, "late", false, vec![users()]),
            rule(10, "beta", true, vec![users(), header("X-Version", "b*")]),
            rule(100, "all", false, vec![header("x-any", "*")]),
        ];
        let both = routes(RoutingMode::RuleThenMapping, rules.clone(), &[("", "root")]);
        assert_eq!(at(&both, "/users/1", &[("x-version", "beta")]), to("beta", "/1"));
        assert_eq!(at(&both, "/people", &[("x-version", "beta")]), to("beta", "/"));
        assert_eq!(at(&both, "/users/1", &[("x-version", "Beta")]), to("late", "/users/1"));
        assert_eq!(at(&both, "/a", &[("x-any", "")]), to("all", "/a"));
        assert_eq!(at(&both, "/a", &[]), to("root", "/a"));
        let only = routes(RoutingMode::RuleOnly, rules, &[("", "root")]);
        assert_eq!(at(&only, "/a", &[]), None);
        let found = both.find("/users/1", &HeaderMap::new()).unwrap().found;
        assert_eq!((found.base_path.as_str(), found.rule.as_deref()), ("users", Some("rule50")));
    }

    #[test]
    fn values_have_stars_at_their_ends() {
        for (glob, value, expected) in [
            ("alpha", "alpha", true),
            ("alpha", "Alpha", false),
            ("a*", "alpha", true),
            ("*a", "alpha", true),
            ("*lph*", "alpha", true),
            ("*lph", "alpha", false),
            ("*", "", true),
            ("a*a", "alpha", false),
        ] {
            assert_eq!(fits(glob, value), expected, "{glob} {value}");
        }
    }
}
