//! Who may ask a private domain: whoever its policy allows, once a VPC endpoint may reach it.

use std::net::IpAddr;

use aws_wire::Credential;
use bytes::Bytes;
use http::request::Parts;
use proxy_events::Incoming;
use runtime::Timestamp;

use super::{Domains, Routes, record::EndpointType};
use crate::policy::{Ask, Policy, Verdict};

impl Domains {
    /// Whether a request may ask a domain. As with private APIs, a policy must allow it.
    pub fn admits(&self, of: &Routes, parts: &Parts, peer: IpAddr, now: Timestamp) -> bool {
        let domain = &of.domain;
        if domain.endpoint_type != EndpointType::Private {
            return true;
        }
        let resource = of.scope.arn("execute-api", &format!("/domainnames/{}+{}", domain.name, domain.id));
        // A request as policies are asked about it; only private domains pay for it.
        let request = Incoming::new(now, parts.clone(), String::new(), Bytes::new(), peer);
        let account = Credential::of(parts).is_some().then_some(&*of.scope.account);
        let ask = Ask { account, ..Ask::of(&request, &resource) };
        let policy = domain.policy.as_deref().and_then(|policy| Policy::parse(policy).ok());
        policy.is_some_and(|policy| policy.verdict(&ask) == Verdict::Allow) && self.is_reachable(of)
    }

    /// Whether any VPC endpoint is associated: all of a machine is one network.
    fn is_reachable(&self, of: &Routes) -> bool {
        self.associated(&of.domain.arn(&of.scope)).next().is_some()
    }
}
