//! Capacity providers: kept, validated and shown. Nothing here starts an instance; what functions on one see is in
//! `function/managed.rs`.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use crate::{error, function::configure::text};

/// The format of stored records.
const RECORD_VERSION: u32 = 1;
/// As many an account has in a region.
const LIMIT: usize = 1000;
const NAME_LIMIT: usize = 64;

/// A capacity provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CapacityProvider {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The members of a request that are shown again as they are.
    pub(crate) settings: Map<String, Value>,
    /// `2026-11-22T13:05:00.000+0000`.
    pub(crate) modified: String,
    pub(crate) tags: BTreeMap<String, String>,
}

impl CapacityProvider {
    /// As the API shows it.
    pub(crate) fn shown(&self, state: &str) -> Value {
        let mut shown = self.settings.clone();
        shown.insert("CapacityProviderArn".into(), self.arn.as_str().into());
        shown.insert("State".into(), state.into());
        shown.insert("LastModified".into(), self.modified.as_str().into());
        Value::Object(shown)
    }
}

/// All of them.
pub(crate) struct CapacityProviders {
    rows: Collection<CapacityProvider>,
    turns: Lanes,
}

impl CapacityProviders {
    /// Loads what the store has.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let rows = Collection::load(store, Table("lambda.capacity_providers"), RECORD_VERSION)?;
        Ok(Self { rows, turns: Lanes::default() })
    }

    /// The one that an operation's `CapacityProviderName` names.
    pub(crate) fn named(&self, named: &Named) -> Result<Arc<CapacityProvider>, ServiceError> {
        self.rows.get(&named.key).ok_or_else(|| named.missing())
    }

    /// The one of an ARN.
    pub(crate) fn of_arn(&self, arn: &str) -> Option<Arc<CapacityProvider>> {
        self.rows.get(&Named::of_arn(arn)?.key)
    }

    /// At most `limit` behind the one of the name `after`.
    pub(crate) fn page(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<CapacityProvider>> {
        let prefix = prefix(&scope.account, &scope.region);
        let after = after.map(|after| prefix.clone().text(after));
        self.rows.page(&prefix, after.as_ref(), limit)
    }

    /// Adds one that must not be there yet.
    pub(crate) async fn add(
        &self,
        ctx: &CallContext,
        named: &Named,
        provider: CapacityProvider,
    ) -> Result<Arc<CapacityProvider>, ServiceError> {
        let _turn = self.turns.turn(&named.key).await;
        if self.rows.get(&named.key).is_some() {
            return Err(error::conflict(format!("Capacity provider already exists: {}", named.name)));
        }
        if self.page(&ctx.scope, None, LIMIT).len() >= LIMIT {
            return Err(ServiceError::new(
                "CapacityProviderLimitExceededException",
                400,
                format!("The limit of {LIMIT} capacity providers is reached."),
            )
            .with_field("Type", "User"));
        }
        self.rows.put(named.key.clone(), provider).await.map_err(error::storage)
    }

    /// Changes one.
    pub(crate) async fn change(
        &self,
        named: &Named,
        change: impl FnOnce(&mut CapacityProvider) -> Result<(), ServiceError>,
    ) -> Result<Arc<CapacityProvider>, ServiceError> {
        let _turn = self.turns.turn(&named.key).await;
        let mut provider = CapacityProvider::clone(&*self.named(named)?);
        change(&mut provider)?;
        self.rows.put(named.key.clone(), provider).await.map_err(error::storage)
    }

    /// Removes one, and answers what it was.
    pub(crate) async fn remove(&self, named: &Named) -> Result<Arc<CapacityProvider>, ServiceError> {
        let _turn = self.turns.turn(&named.key).await;
        self.rows.remove(&named.key).await.map_err(error::storage)?.ok_or_else(|| named.missing())
    }
}

fn prefix(account: &str, region: &str) -> Key {
    Key::new().text(account).text(region)
}

/// A name as an operation gives it: alone, or as an ARN.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) arn: String,
    key: Key,
}

impl Named {
    pub(crate) fn of(ctx: &CallContext, members: &Map<String, Value>) -> Result<Self, ServiceError> {
        let given = text(members, "CapacityProviderName").unwrap_or_default();
        if given.starts_with("arn:") {
            return Self::of_arn(given).ok_or_else(|| {
                error::invalid_parameter(format!("{given} is not the ARN of a capacity provider."))
            });
        }
        if given.len() > NAME_LIMIT {
            return Err(ServiceError::validation(format!(
                "1 validation error detected: Value '{given}' at 'capacityProviderName' failed to satisfy constraint: \
                 Member must have length less than or equal to {NAME_LIMIT}"
            )));
        }
        Ok(Self {
            name: given.to_owned(),
            arn: ctx.scope.arn("lambda", &format!("capacity-provider:{given}")),
            key: prefix(&ctx.scope.account, &ctx.scope.region).text(given),
        })
    }

    pub(crate) fn of_arn(arn: &str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "lambda", region, account, "capacity-provider", name] => Some(Self {
                name: name.to_owned(),
                arn: arn.to_owned(),
                key: prefix(account, region).text(name),
            }),
            _ => None,
        }
    }

    fn missing(&self) -> ServiceError {
        error::not_found(format!("Capacity provider not found: {}", self.arn))
    }
}

/// Members that an update may change.
const CHANGEABLE: [&str; 3] = ["CapacityProviderScalingConfig", "PropagateTags", "TelemetryConfig"];
const FIXED: [&str; 4] = ["VpcConfig", "PermissionsConfig", "InstanceRequirements", "KmsKeyArn"];

/// The settings of a new one, checked.
pub(crate) fn settings(members: &Map<String, Value>) -> Result<Map<String, Value>, ServiceError> {
    let mut settings = Map::new();
    for name in FIXED {
        if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
            settings.insert(name.to_owned(), value.clone());
        }
    }
    let requirements = settings.entry("InstanceRequirements").or_insert_with(|| json!({}));
    let listed = |name: &str| requirements[name].as_array().is_some_and(|types| !types.is_empty());
    if listed("AllowedInstanceTypes") && listed("ExcludedInstanceTypes") {
        return Err(error::invalid_parameter(
            "AllowedInstanceTypes and ExcludedInstanceTypes cannot be specified at the same time.",
        ));
    }
    if requirements["Architectures"].is_null() {
        requirements["Architectures"] = json!(["x86_64"]);
    }
    change(&mut settings, members)?;
    settings
        .entry("CapacityProviderScalingConfig")
        .or_insert_with(|| json!({"MaxVCpuCount": 400, "ScalingMode": "Auto"}));
    Ok(settings)
}

/// Takes over what an update says.
pub(crate) fn change(
    settings: &mut Map<String, Value>,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    if let Some(scaling) = members.get("CapacityProviderScalingConfig").filter(|given| given.is_object()) {
        let policies = scaling["ScalingPolicies"].as_array().is_some_and(|policies| !policies.is_empty());
        match scaling["ScalingMode"].as_str() {
            Some("Manual") if !policies => {
                return Err(error::invalid_parameter(
                    "ScalingPolicies must be specified when ScalingMode is Manual.",
                ));
            }
            Some("Manual") => {}
            _ if policies => {
                return Err(error::invalid_parameter(
                    "ScalingPolicies can be specified only when ScalingMode is Manual.",
                ));
            }
            _ => {}
        }
    }
    if let Some(propagate) = members.get("PropagateTags").filter(|given| given.is_object()) {
        let tags = propagate["ExplicitTags"].as_object().is_some_and(|tags| !tags.is_empty());
        if tags && propagate["Mode"] != "Explicit" {
            return Err(error::invalid_parameter(
                "ExplicitTags can be specified only when Mode is Explicit.",
            ));
        }
    }
    for name in CHANGEABLE {
        if let Some(value) = members.get(name).filter(|value| !value.is_null()) {
            let mut value = value.clone();
            if name == "CapacityProviderScalingConfig" {
                for (member, usual) in [("MaxVCpuCount", json!(400)), ("ScalingMode", json!("Auto"))] {
                    if value[member].is_null() {
                        value[member] = settings.get(name).map_or(usual, |before| before[member].clone());
                    }
                }
            }
            settings.insert(name.to_owned(), value);
        }
    }
    Ok(())
}
