//! Code signing configurations: kept and shown. Nothing here verifies a signature, so deploying where one would have to
//! be verified is refused by name.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Scope;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use crate::{error, function::record::Function, service::Inner};

/// The format of stored records.
const RECORD_VERSION: u32 = 1;

/// A code signing configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CodeSigningConfig {
    pub(crate) arn: String,
    /// `csc-` and seventeen letters and digits.
    pub(crate) id: String,
    pub(crate) description: String,
    /// ARNs of signing profiles.
    pub(crate) publishers: Value,
    /// `Warn` or `Enforce`.
    pub(crate) policy: String,
    /// `2026-11-22T13:05:00.000+0000`.
    pub(crate) modified: String,
    pub(crate) tags: std::collections::BTreeMap<String, String>,
}

impl CodeSigningConfig {
    /// As the API shows it.
    pub(crate) fn shown(&self) -> Value {
        json!({
            "CodeSigningConfigId": self.id,
            "CodeSigningConfigArn": self.arn,
            "Description": self.description,
            "AllowedPublishers": self.publishers,
            "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": self.policy},
            "LastModified": self.modified,
        })
    }
}

/// All of them.
pub(crate) struct CodeSigning {
    rows: Collection<CodeSigningConfig>,
    turns: Lanes,
}

impl CodeSigning {
    /// Loads what the store has.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        let rows = Collection::load(store, Table("lambda.code_signing_configs"), RECORD_VERSION)?;
        Ok(Self { rows, turns: Lanes::default() })
    }

    /// The one of an ARN.
    pub(crate) fn get(&self, arn: &str) -> Option<Arc<CodeSigningConfig>> {
        self.rows.get(&key(arn)?)
    }

    /// At most `limit` behind the one of the id `after`.
    pub(crate) fn page(
        &self,
        scope: &Scope,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<CodeSigningConfig>> {
        let prefix = Key::new().text(&scope.account).text(&scope.region);
        let after = after.map(|after| prefix.clone().text(after));
        self.rows.page(&prefix, after.as_ref(), limit)
    }

    /// Adds one; an id that was chosen may be taken.
    pub(crate) async fn add(
        &self,
        config: CodeSigningConfig,
    ) -> Result<Arc<CodeSigningConfig>, ServiceError> {
        let key = key(&config.arn).ok_or_else(|| missing(&config.arn))?;
        let _turn = self.turns.turn(&key).await;
        if self.rows.get(&key).is_some() {
            return Err(error::conflict(format!("Code signing config already exists: {}", config.arn)));
        }
        self.rows.put(key, config).await.map_err(error::storage)
    }

    /// Changes one.
    pub(crate) async fn change(
        &self,
        arn: &str,
        change: impl FnOnce(&mut CodeSigningConfig) -> Result<(), ServiceError>,
    ) -> Result<Arc<CodeSigningConfig>, ServiceError> {
        let key = key(arn).ok_or_else(|| missing(arn))?;
        let _turn = self.turns.turn(&key).await;
        let mut config = CodeSigningConfig::clone(&*self.rows.get(&key).ok_or_else(|| missing(arn))?);
        change(&mut config)?;
        self.rows.put(key, config).await.map_err(error::storage)
    }

    /// Removes one.
    pub(crate) async fn remove(&self, arn: &str) -> Result<(), ServiceError> {
        let key = key(arn).ok_or_else(|| missing(arn))?;
        let _turn = self.turns.turn(&key).await;
        self.rows.remove(&key).await.map_err(error::storage)?.map(drop).ok_or_else(|| missing(arn))
    }
}

/// `arn:aws:lambda:REGION:ACCOUNT:code-signing-config:ID` as a key.
fn key(arn: &str) -> Option<Key> {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "lambda", region, account, "code-signing-config", id] => {
            Some(Key::new().text(account).text(region).text(id))
        }
        _ => None,
    }
}

/// There is none of that ARN.
pub(crate) fn missing(arn: &str) -> ServiceError {
    error::not_found(format!("The Lambda code signing configuration {arn} can not be found."))
}

/// The one that a function is to have: it must be there.
pub(crate) fn must_exist(inner: &Inner, arn: &str) -> Result<Arc<CodeSigningConfig>, ServiceError> {
    inner.code_signing.get(arn).ok_or_else(|| {
        ServiceError::new(
            "CodeSigningConfigNotFoundException",
            404,
            format!(
                "The code signing configuration cannot be found. Check that the provided configuration is not deleted: \
                 {arn}."
            ),
        )
        .with_field("Type", "User")
    })
}

/// Refuses to deploy code or layers where an untrusted artifact must not be deployed: none can be told here.
pub(crate) fn must_not_enforce(inner: &Inner, arn: Option<&str>) -> Result<(), ServiceError> {
    match arn.and_then(|arn| inner.code_signing.get(arn)) {
        Some(config) if config.policy == "Enforce" => Err(error::unsupported(
            "deploying under a code signing configuration whose UntrustedArtifactOnDeployment is Enforce",
        )),
        _ => Ok(()),
    }
}

/// The same for a function that is there.
pub(crate) fn must_not_enforce_on(inner: &Inner, function: &Function) -> Result<(), ServiceError> {
    must_not_enforce(inner, function.code_signing.as_deref())
}
