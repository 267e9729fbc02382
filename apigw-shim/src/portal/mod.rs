//! Developer portals: which products they show, and the pages of these. Records only: what shows them to people is
//! elsewhere, and sees what was published, not what has been changed since.

use runtime::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{Collection, Key, Store, StoreError, Table};

use crate::{apis::scope_key, http_api::record::Child};

const VERSION: u32 = 1;
const PORTALS: Table = Table("apigatewayv2.portals");
const PRODUCTS: Table = Table("apigatewayv2.portalproducts");
const PAGES: Table = Table("apigatewayv2.productpages");
const ENDPOINT_PAGES: Table = Table("apigatewayv2.productrestendpointpages");

/// All portals and products.
pub(crate) struct Portals {
    pub portals: Collection<Portal>,
    pub products: Collection<Product>,
    /// Pages of products, below their products.
    pub pages: Collection<Child>,
    /// Pages of REST endpoints, below their products.
    pub endpoint_pages: Collection<Child>,
    /// Held while any of it changes.
    pub changing: tokio::sync::Mutex<()>,
}

/// A portal, as it is worked on and as it was published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Portal {
    pub id: String,
    pub members: Map<String, Value>,
    pub status: PublishStatus,
    pub published: Option<Publication>,
    /// What PreviewPortal froze last, to be looked at before it is published.
    #[serde(default)]
    pub preview: Option<Publication>,
}

/// Whether a portal can be seen. Here publishing takes no time, so there are no states in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PublishStatus {
    Published,
    Disabled,
}

impl PublishStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "PUBLISHED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// What of a portal was published last: all of it, as it was then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Publication {
    pub at: f64,
    pub description: Option<String>,
    pub portal: Map<String, Value>,
    pub products: Vec<PublishedProduct>,
}

/// A product with its pages, as it was published.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PublishedProduct {
    pub product: Product,
    pub pages: Vec<Child>,
    pub endpoint_pages: Vec<Child>,
}

/// A product: pages about endpoints of REST APIs, and others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Product {
    pub id: String,
    pub members: Map<String, Value>,
    /// With which accounts it is shared; kept, as all of a machine is one's own.
    pub policy: Option<String>,
}

impl Portals {
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            portals: Collection::load(store, PORTALS, VERSION)?,
            products: Collection::load(store, PRODUCTS, VERSION)?,
            pages: Collection::load(store, PAGES, VERSION)?,
            endpoint_pages: Collection::load(store, ENDPOINT_PAGES, VERSION)?,
            changing: tokio::sync::Mutex::default(),
        })
    }
}

/// The key of a portal or product.
pub(crate) fn key(scope: &Scope, id: &str) -> Key {
    scope_key(scope).text(id)
}

/// `arn:aws:apigateway:us-east-1:000000000000:/portalproducts/ID`.
pub(crate) fn arn(scope: &Scope, kind: &str, id: &str) -> String {
    scope.arn("apigateway", &format!("/{kind}/{id}"))
}
