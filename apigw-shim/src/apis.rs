//! All APIs: their records, and what is compiled of them for requests.
//!
//! An API's id is unique over accounts and regions, since its URL names nothing else. Records are in collections of the
//! store; beside them each API has a [`Live`] part with its stages, compiled. Changes to one API take turns by its own
//! lock; requests take none.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dashmap::DashMap;
use runtime::Scope;
use store::{Collection, Key, Store, StoreError, Table};

use crate::{
    http_api::{compiled::HttpStage, record as http},
    operations::{ClientCertificate, VpcLink},
    rest_api::{compiled::RestStage, record as rest},
    websocket::compiled::SocketStage,
};

const VERSION: u32 = 1;
const REST_APIS: Table = Table("apigateway.restapis");
const RESOURCES: Table = Table("apigateway.resources");
const REST_DEPLOYMENTS: Table = Table("apigateway.deployments");
const REST_STAGES: Table = Table("apigateway.stages");
const ACCOUNTS: Table = Table("apigateway.accounts");
const VPC_LINKS: Table = Table("apigateway.vpclinks");
const CLIENT_CERTIFICATES: Table = Table("apigateway.clientcertificates");
const HTTP_APIS: Table = Table("apigatewayv2.apis");
const ROUTES: Table = Table("apigatewayv2.routes");
const INTEGRATIONS: Table = Table("apigatewayv2.integrations");
const AUTHORIZERS: Table = Table("apigatewayv2.authorizers");
const MODELS: Table = Table("apigatewayv2.models");
const INTEGRATION_RESPONSES: Table = Table("apigatewayv2.integrationresponses");
const ROUTE_RESPONSES: Table = Table("apigatewayv2.routeresponses");
const HTTP_VPC_LINKS: Table = Table("apigatewayv2.vpclinks");
const HTTP_DEPLOYMENTS: Table = Table("apigatewayv2.deployments");
const HTTP_STAGES: Table = Table("apigatewayv2.stages");

/// Every API there is.
pub(crate) struct Apis {
    live: DashMap<String, Arc<Live>>,
    next: AtomicU64,
    pub rest_apis: Collection<rest::RestApi>,
    pub resources: Collection<rest::Resource>,
    pub rest_deployments: Collection<rest::Deployment>,
    pub rest_stages: Collection<rest::Stage>,
    pub accounts: Collection<rest::Texts>,
    pub vpc_links: Collection<VpcLink>,
    pub client_certificates: Collection<ClientCertificate>,
    pub http_apis: Collection<http::Api>,
    pub routes: Collection<http::Route>,
    pub integrations: Collection<http::Integration>,
    pub authorizers: Collection<http::Child>,
    pub models: Collection<http::Child>,
    pub integration_responses: Collection<http::Child>,
    pub route_responses: Collection<http::Child>,
    pub http_vpc_links: Collection<http::Child>,
    pub http_deployments: Collection<http::Deployment>,
    pub http_stages: Collection<http::Stage>,
}

/// What requests need of an API.
pub(crate) struct Live {
    pub id: String,
    pub scope: Scope,
    pub sequence: u64,
    /// Held while the API's records change.
    pub changing: tokio::sync::Mutex<()>,
    pub kind: Kind,
}

/// An API's stages, by name.
pub(crate) enum Kind {
    Rest(DashMap<String, Arc<RestStage>>),
    Http(DashMap<String, Arc<HttpStage>>),
    Socket(DashMap<String, Arc<SocketStage>>),
}

impl Kind {
    /// The kind of an API of the second control plane, without stages yet.
    pub fn of(api: &http::Api) -> Self {
        match http::text(&api.members, "ProtocolType") {
            Some("WEBSOCKET") => Self::Socket(DashMap::new()),
            _ => Self::Http(DashMap::new()),
        }
    }
}

impl Live {
    /// The key of the API's record.
    pub fn key(&self) -> Key {
        scope_key(&self.scope).number(self.sequence)
    }

    /// The prefix of the keys of all that belongs to the API.
    pub fn prefix(&self) -> Key {
        scope_key(&self.scope).text(&self.id)
    }

    /// The key of something that belongs to the API.
    pub fn child(&self, id: &str) -> Key {
        self.prefix().text(id)
    }

    /// The key of something that is listed in the order in which it was made.
    pub fn numbered(&self, sequence: u64) -> Key {
        self.prefix().number(sequence)
    }
}

/// The prefix of the keys of a scope.
pub(crate) fn scope_key(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

impl Apis {
    /// Loads what the store holds; `last` is the highest sequence number that others have given.
    pub fn load(store: &Store, last: u64) -> Result<Self, StoreError> {
        let apis = Self {
            live: DashMap::new(),
            next: AtomicU64::new(1),
            rest_apis: Collection::load(store, REST_APIS, VERSION)?,
            resources: Collection::load(store, RESOURCES, VERSION)?,
            rest_deployments: Collection::load(store, REST_DEPLOYMENTS, VERSION)?,
            rest_stages: Collection::load(store, REST_STAGES, VERSION)?,
            accounts: Collection::load(store, ACCOUNTS, VERSION)?,
            vpc_links: Collection::load(store, VPC_LINKS, VERSION)?,
            client_certificates: Collection::load(store, CLIENT_CERTIFICATES, VERSION)?,
            http_apis: Collection::load(store, HTTP_APIS, VERSION)?,
            routes: Collection::load(store, ROUTES, VERSION)?,
            integrations: Collection::load(store, INTEGRATIONS, VERSION)?,
            authorizers: Collection::load(store, AUTHORIZERS, VERSION)?,
            models: Collection::load(store, MODELS, VERSION)?,
            integration_responses: Collection::load(store, INTEGRATION_RESPONSES, VERSION)?,
            route_responses: Collection::load(store, ROUTE_RESPONSES, VERSION)?,
            http_vpc_links: Collection::load(store, HTTP_VPC_LINKS, VERSION)?,
            http_deployments: Collection::load(store, HTTP_DEPLOYMENTS, VERSION)?,
            http_stages: Collection::load(store, HTTP_STAGES, VERSION)?,
        };
        let mut last = last;
        for (table, kind) in [(REST_APIS, true), (HTTP_APIS, false)] {
            for (key, _) in store.scan(table, &Key::new(), None, usize::MAX)? {
                last = last.max(apis.revive(&key, kind));
            }
        }
        for (key, _) in store.scan(REST_DEPLOYMENTS, &Key::new(), None, usize::MAX)? {
            last = last.max(trailing_number(&key, 3).map_or(0, |(_, number)| number));
        }
        for (key, _) in store.scan(HTTP_DEPLOYMENTS, &Key::new(), None, usize::MAX)? {
            last = last.max(trailing_number(&key, 3).map_or(0, |(_, number)| number));
        }
        apis.next.store(last + 1, Ordering::Relaxed);
        Ok(apis)
    }

    /// Makes an API's live part from its record; its sequence number.
    fn revive(&self, key: &[u8], is_rest: bool) -> u64 {
        let Some((texts, sequence)) = trailing_number(key, 2) else { return 0 };
        let scope = Scope::new(&texts[0], &texts[1]);
        let record_key = scope_key(&scope).number(sequence);
        if is_rest {
            if let Some(api) = self.rest_apis.get(&record_key) {
                let live = self.add(&api.id, scope, sequence, Kind::Rest(DashMap::new()));
                for stage in self.rest_stages.page(&live.prefix(), None, usize::MAX) {
                    self.restage(&live, &stage);
                }
            }
        } else if let Some(api) = self.http_apis.get(&record_key) {
            let live = self.add(&api.id, scope, sequence, Kind::of(&api));
            for stage in self.http_stages.page(&live.prefix(), None, usize::MAX) {
                self.restage_http(&live, &stage);
            }
        }
        sequence
    }

    /// The next number for what is listed in the order in which it was made.
    pub fn sequence(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub fn live(&self, id: &str) -> Option<Arc<Live>> {
        self.live.get(id).map(|live| Arc::clone(&live))
    }

    /// The API if it is of that account and region.
    pub fn live_in(&self, scope: &Scope, id: &str) -> Option<Arc<Live>> {
        self.live(id).filter(|live| live.scope == *scope)
    }

    /// All APIs, in the order in which they were made.
    pub fn all_live(&self) -> Vec<Arc<Live>> {
        let mut all: Vec<_> = self.live.iter().map(|live| Arc::clone(&live)).collect();
        all.sort_by_key(|live| live.sequence);
        all
    }

    pub fn add(&self, id: &str, scope: Scope, sequence: u64, kind: Kind) -> Arc<Live> {
        let live = Arc::new(Live {
            id: id.to_owned(),
            scope,
            sequence,
            changing: tokio::sync::Mutex::default(),
            kind,
        });
        self.live.insert(id.to_owned(), Arc::clone(&live));
        live
    }

    pub fn forget(&self, id: &str) {
        self.live.remove(id);
    }

    /// Compiles a stage anew, so that the next request sees it.
    pub fn restage(&self, live: &Live, stage: &rest::Stage) {
        let Kind::Rest(stages) = &live.kind else { return };
        let api = self.rest_apis.get(&live.key());
        let deployment = self.rest_deployment(live, &stage.deployment_id);
        if let (Some(api), Some(deployment)) = (api, deployment) {
            // Stages of one deployment share what is compiled of it.
            let shared = |deployment: &rest::Deployment| {
                let mut all = stages.iter();
                let found = all.find(|other| other.deployment_id == deployment.id);
                found.map(|other| Arc::clone(&other.api))
            };
            let canary = stage.canary_settings.as_ref();
            let canary = canary.and_then(|canary| self.rest_deployment(live, &canary.deployment_id));
            let kept = stages.get(&stage.stage_name).and_then(|before| before.cache.clone());
            let compiled = RestStage::new(live, &api, stage, &deployment, canary.as_deref(), kept, shared);
            stages.insert(stage.stage_name.clone(), Arc::new(compiled));
        }
    }

    /// The deployment of that id.
    pub fn rest_deployment(&self, live: &Live, id: &str) -> Option<Arc<rest::Deployment>> {
        let deployments = self.rest_deployments.page(&live.prefix(), None, usize::MAX);
        deployments.into_iter().find(|deployment| deployment.id == id)
    }

    pub fn restage_http(&self, live: &Live, stage: &http::Stage) {
        let Some(api) = self.http_apis.get(&live.key()) else { return };
        let deployment = stage.deployment_id.as_deref().and_then(|id| self.http_deployment(live, id));
        let deployment = deployment.as_deref();
        match &live.kind {
            Kind::Rest(_) => {}
            Kind::Http(stages) => {
                let compiled = HttpStage::new(live, &api, stage, deployment);
                stages.insert(stage.name.clone(), Arc::new(compiled));
            }
            Kind::Socket(stages) => {
                let compiled = SocketStage::new(live, &api, stage, deployment);
                stages.insert(stage.name.clone(), Arc::new(compiled));
            }
        }
    }

    /// The deployment of that id.
    pub fn http_deployment(&self, live: &Live, id: &str) -> Option<Arc<http::Deployment>> {
        let deployments = self.http_deployments.page(&live.prefix(), None, usize::MAX);
        deployments.into_iter().find(|deployment| deployment.id == id)
    }
}

fn trailing_number(key: &[u8], texts: usize) -> Option<(Vec<String>, u64)> {
    let (texts, rest) = Key::texts(key, texts)?;
    Some((texts, u64::from_be_bytes(rest.try_into().ok()?)))
}
