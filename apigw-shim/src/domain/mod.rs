//! Custom domain names: their records, and which API answers under them.
//!
//! A name is unique over accounts and regions, since requests have nothing but it. Knows no API: whether the one that is
//! found exists is for [`crate::addressed`]. Start at [`Domains::at`] for requests.

mod access;
mod certificate;
pub(crate) mod check;
pub(crate) mod record;
mod route;
pub(crate) mod truststore;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use dashmap::DashMap;
use runtime::Scope;
use store::{Collection, Key, Store, StoreError, Table};

use crate::apis::scope_key;
pub use certificate::{client_certificate, key_of_version_1, pem};
use record::{Association, Domain, Mapping, Rule};
pub(crate) use route::Routes;
pub use truststore::Truststore;

const VERSION: u32 = 1;
const DOMAINS: Table = Table("apigateway.domainnames");
const MAPPINGS: Table = Table("apigateway.basepathmappings");
const ASSOCIATIONS: Table = Table("apigateway.domainnameaccessassociations");
const RULES: Table = Table("apigateway.routingrules");

/// All custom domain names.
pub(crate) struct Domains {
    /// By their names in small letters.
    routes: DashMap<String, Arc<Routes>>,
    /// How many there are: most users have none, and every request asks.
    count: AtomicUsize,
    domains: Collection<Domain>,
    mappings: Collection<Mapping>,
    rules: Collection<Rule>,
    pub associations: Collection<Association>,
    /// Held while domains, mappings and rules change.
    pub changing: tokio::sync::Mutex<()>,
}

impl Domains {
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        let domains = Self {
            routes: DashMap::new(),
            count: AtomicUsize::new(0),
            domains: Collection::load(store, DOMAINS, VERSION)?,
            mappings: Collection::load(store, MAPPINGS, VERSION)?,
            rules: Collection::load(store, RULES, VERSION)?,
            associations: Collection::load(store, ASSOCIATIONS, VERSION)?,
            changing: tokio::sync::Mutex::default(),
        };
        for (key, _) in store.scan(DOMAINS, &Key::new(), None, usize::MAX)? {
            let Some((texts, _)) = Key::texts(&key, 3) else { continue };
            let scope = Scope::new(&texts[0], &texts[1]);
            if let Some(domain) = domains.domains.get(&domain_key(&scope, &texts[2])) {
                domains.compile(&scope, &domain);
            }
        }
        Ok(domains)
    }

    /// Whether a host is a custom domain name, in any account and region.
    pub fn has(&self, host: &str) -> bool {
        self.at(host).is_some()
    }

    /// The domain that a host in small letters is: by its name, else as one of all below another.
    pub fn at(&self, host: &str) -> Option<Arc<Routes>> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let get = |name: &str| self.routes.get(name).map(|found| Arc::clone(&found));
        get(host).or_else(|| get(&format!("*.{}", host.split_once('.')?.1)))
    }

    /// The domain that operations mean by a name and an id, with its rules and mappings.
    pub fn find(&self, scope: &Scope, name: &str, id: Option<&str>) -> Option<Arc<Routes>> {
        let found = self.routes.get(&name.to_ascii_lowercase()).map(|found| Arc::clone(&found));
        found.filter(|found| found.scope == *scope && found.domain.is_meant(id))
    }

    /// The domain of an ARN, whosever it is.
    pub fn by_arn(&self, arn: &str) -> Option<Arc<Routes>> {
        let named = arn.rsplit('/').next().unwrap_or_default();
        let name = named.split_once('+').map_or(named, |(name, _)| name).to_ascii_lowercase();
        let found = self.routes.get(&name).map(|found| Arc::clone(&found));
        found.filter(|found| found.domain.arn(&found.scope) == arn)
    }

    /// The VPC endpoints that may reach a domain, of all accounts.
    fn associated<'d>(&self, domain_arn: &'d str) -> impl Iterator<Item = Arc<Association>> + use<'d> {
        let all = self.associations.page(&Key::new(), None, usize::MAX);
        all.into_iter().filter(move |association| association.domain_arn == domain_arn)
    }

    /// Whether there is a domain of that name in any account or region.
    pub fn is_taken(&self, name: &str) -> bool {
        self.routes.contains_key(&name.to_ascii_lowercase())
    }

    /// At most `limit` domains of a scope by their names, from behind `after`.
    pub fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Arc<Domain>> {
        let after = after.map(|name| domain_key(scope, name));
        self.domains.page(&scope_key(scope), after.as_ref(), limit)
    }

    /// The names of domains of a scope under which an API answers.
    pub fn of_api(&self, scope: &Scope, api_id: &str) -> Vec<String> {
        let is_used = |routes: &Routes| {
            routes.mappings.iter().any(|mapping| mapping.api_id == api_id)
                || routes.rules.iter().any(|rule| rule.api_id == api_id)
        };
        let mut names: Vec<String> = self
            .routes
            .iter()
            .filter(|routes| routes.scope == *scope && is_used(routes))
            .map(|routes| routes.domain.name.clone())
            .collect();
        names.sort();
        names
    }

    pub async fn put(&self, scope: &Scope, domain: Domain) -> Result<Arc<Domain>, StoreError> {
        let domain = self.domains.put(domain_key(scope, &domain.name), domain).await?;
        self.compile(scope, &domain);
        Ok(domain)
    }

    /// Removes a domain, and what belongs to it before it: nothing must come back with another of its name.
    pub async fn remove(&self, routes: &Routes) -> Result<(), StoreError> {
        let key = domain_key(&routes.scope, &routes.domain.name);
        for mapping in &routes.mappings {
            self.mappings.remove(&key.clone().text(&mapping.id)).await?;
        }
        let arn = routes.domain.arn(&routes.scope);
        for association in self.associated(&arn) {
            self.associations.remove(&association.key()).await?;
        }
        for rule in &routes.rules {
            self.rules.remove(&key.clone().text(&rule.id)).await?;
        }
        self.domains.remove(&key).await?;
        if self.routes.remove(&routes.domain.name.to_ascii_lowercase()).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(())
    }

    pub async fn put_mapping(&self, of: &Routes, mapping: Mapping) -> Result<Arc<Mapping>, StoreError> {
        let key = domain_key(&of.scope, &of.domain.name).text(&mapping.id);
        let mapping = self.mappings.put(key, mapping).await?;
        self.compile(&of.scope, &of.domain);
        Ok(mapping)
    }

    pub async fn remove_mapping(&self, of: &Routes, mapping: &Mapping) -> Result<(), StoreError> {
        self.mappings.remove(&domain_key(&of.scope, &of.domain.name).text(&mapping.id)).await?;
        self.compile(&of.scope, &of.domain);
        Ok(())
    }

    pub async fn put_rule(&self, of: &Routes, rule: Rule) -> Result<Arc<Rule>, StoreError> {
        let key = domain_key(&of.scope, &of.domain.name).text(&rule.id);
        let rule = self.rules.put(key, rule).await?;
        self.compile(&of.scope, &of.domain);
        Ok(rule)
    }

    pub async fn remove_rule(&self, of: &Routes, rule: &Rule) -> Result<(), StoreError> {
        self.rules.remove(&domain_key(&of.scope, &of.domain.name).text(&rule.id)).await?;
        self.compile(&of.scope, &of.domain);
        Ok(())
    }

    /// Makes a domain's routes anew, so that the next request sees them.
    fn compile(&self, scope: &Scope, domain: &Arc<Domain>) {
        let key = domain_key(scope, &domain.name);
        let rules = self.rules.page(&key, None, usize::MAX);
        let mappings = self.mappings.page(&key, None, usize::MAX);
        let routes = Routes::new(scope.clone(), Arc::clone(domain), rules, mappings);
        if self.routes.insert(domain.name.to_ascii_lowercase(), Arc::new(routes)).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn domain_key(scope: &Scope, name: &str) -> Key {
    scope_key(scope).text(&name.to_ascii_lowercase())
}
