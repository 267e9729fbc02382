//! What the store keeps of custom domain names. One record serves both control planes: a domain made by one is seen by
//! the other.

use runtime::Scope;
use serde::{Deserialize, Serialize};

use store::Key;

use crate::{apis::scope_key, rest_api::record::Texts};

/// A custom domain name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Domain {
    /// As it was given: `api.example.com`, or `*.example.com`.
    pub name: String,
    /// A part of the name that AWS gives it, which nothing answers to here; of private domains what tells them apart.
    pub id: String,
    pub endpoint_type: EndpointType,
    pub ip_address_type: String,
    /// Certificates are kept and shown: the listener shows those of an authority of its own.
    pub certificate_arn: Option<String>,
    pub certificate_name: Option<String>,
    pub ownership_certificate_arn: Option<String>,
    pub uploaded: f64,
    pub security_policy: String,
    pub endpoint_access_mode: Option<String>,
    pub routing_mode: RoutingMode,
    pub tags: Texts,
    /// Who may use a private domain.
    #[serde(default)]
    pub policy: Option<String>,
    /// Who may associate VPC endpoints with a private domain.
    #[serde(default)]
    pub management_policy: Option<String>,
    /// Whose certificates clients must show, where they must show any.
    #[serde(default)]
    pub mutual_tls: Option<MutualTls>,
}

/// Mutual TLS of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MutualTls {
    /// `s3://bucket/key`.
    pub truststore_uri: String,
    pub truststore_version: Option<String>,
    /// What is wrong with certificates in the truststore.
    pub warnings: Vec<String>,
    /// The certificates as they were when the truststore was read: DER, in base64.
    pub certificates: Vec<String>,
}

impl Domain {
    /// `arn:aws:apigateway:us-east-1::/domainnames/api.example.com`; those of private domains have account and id.
    pub fn arn(&self, scope: &Scope) -> String {
        match self.endpoint_type {
            EndpointType::Edge | EndpointType::Regional => {
                format!("arn:aws:apigateway:{}::/domainnames/{}", scope.region, self.name)
            }
            EndpointType::Private => {
                scope.arn("apigateway", &format!("/domainnames/{}+{}", self.name, self.id))
            }
        }
    }

    /// Whether operations that give this id mean it: private domains need theirs, others have none.
    pub fn is_meant(&self, id: Option<&str>) -> bool {
        match self.endpoint_type {
            EndpointType::Edge | EndpointType::Regional => id.is_none_or(str::is_empty),
            EndpointType::Private => id == Some(&self.id),
        }
    }

    /// The name that AWS would have DNS lead to.
    pub fn target(&self, scope: &Scope) -> String {
        match self.endpoint_type {
            EndpointType::Edge => format!("{}.cloudfront.net", self.id.replacen("d-", "d", 1)),
            EndpointType::Private => String::new(),
            EndpointType::Regional => format!("{}.execute-api.{}.amazonaws.com", self.id, scope.region),
        }
    }

    /// The hosted zone of [`Domain::target`].
    pub fn hosted_zone(&self, scope: &Scope) -> &'static str {
        match (self.endpoint_type, &*scope.region) {
            (EndpointType::Edge, _) => "Z2FDTNDATAQYW2",
            (EndpointType::Regional, "us-east-2") => "ZOJJZC49E0EPZ",
            (EndpointType::Regional, "us-west-1") => "Z2MUQ32089INYE",
            (EndpointType::Regional, "us-west-2") => "Z2OJLYMUO9EFXC",
            (EndpointType::Regional, "eu-central-1") => "Z1U9ULNL0V5AJ3",
            (EndpointType::Regional, "eu-west-1") => "ZLY8HYME6SFDD",
            (EndpointType::Regional, "eu-west-2") => "ZJ5UAJN8Y3Z2Q",
            (EndpointType::Regional, "ap-southeast-1") => "ZL327KTPIQFUL",
            (EndpointType::Regional, "ap-southeast-2") => "Z2RPCDW04V8134",
            (EndpointType::Regional, "ap-northeast-1") => "Z1YSHQZHG15GKL",
            (EndpointType::Private, _) => "",
            (EndpointType::Regional, _) => "Z1UJRXOUMOOFQ8",
        }
    }
}

/// Where AWS has a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EndpointType {
    Edge,
    Regional,
    Private,
}

impl EndpointType {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "EDGE" => Some(Self::Edge),
            "REGIONAL" => Some(Self::Regional),
            "PRIVATE" => Some(Self::Private),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Edge => "EDGE",
            Self::Regional => "REGIONAL",
            Self::Private => "PRIVATE",
        }
    }
}

/// What chooses the API for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoutingMode {
    MappingOnly,
    RuleOnly,
    RuleThenMapping,
}

impl RoutingMode {
    /// From either control plane's word.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "BASE_PATH_MAPPING_ONLY" | "API_MAPPING_ONLY" => Some(Self::MappingOnly),
            "ROUTING_RULE_ONLY" => Some(Self::RuleOnly),
            "ROUTING_RULE_THEN_BASE_PATH_MAPPING" | "ROUTING_RULE_THEN_API_MAPPING" => {
                Some(Self::RuleThenMapping)
            }
            _ => None,
        }
    }

    /// The first control plane's word.
    pub fn rest_name(self) -> &'static str {
        match self {
            Self::MappingOnly => "BASE_PATH_MAPPING_ONLY",
            Self::RuleOnly => "ROUTING_RULE_ONLY",
            Self::RuleThenMapping => "ROUTING_RULE_THEN_BASE_PATH_MAPPING",
        }
    }

    /// The second control plane's word.
    pub fn http_name(self) -> &'static str {
        match self {
            Self::MappingOnly => "API_MAPPING_ONLY",
            Self::RuleOnly => "ROUTING_RULE_ONLY",
            Self::RuleThenMapping => "ROUTING_RULE_THEN_API_MAPPING",
        }
    }
}

/// A base path of a domain, and the API that answers below it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mapping {
    pub id: String,
    /// `orders` or `orders/v1`; empty for all that no other mapping has.
    pub path: String,
    pub api_id: String,
    /// Without one the stage is the next part of the path.
    pub stage: Option<String>,
}

/// A rule that chooses an API by a request's headers and path.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub id: String,
    pub priority: u32,
    /// All must hold.
    pub conditions: Vec<Condition>,
    pub api_id: String,
    pub stage: String,
    /// Whether the API sees the path without what the rule found of it.
    pub strip_base_path: bool,
}

/// That a VPC endpoint may reach a private domain. All of a machine is one network, so that one will do for everybody.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Association {
    pub arn: String,
    pub domain_arn: String,
    /// `vpce-0123`.
    pub source: String,
    pub tags: Texts,
}

impl Association {
    /// The account that has the VPC endpoint.
    pub fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// Where the store has it: with whoever has the endpoint.
    pub fn key(&self) -> Key {
        key_of(&self.arn)
    }
}

/// Where the store has the association of an ARN.
pub(crate) fn key_of(arn: &str) -> Key {
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    scope_key(&Scope::new(account, region)).text(arn)
}

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Condition {
    /// The path begins with one of these.
    BasePaths(Vec<String>),
    /// One of these headers has such a value: names, and values with `*` at their ends.
    Headers(Vec<(String, String)>),
}
