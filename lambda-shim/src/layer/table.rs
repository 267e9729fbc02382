//! All layers there are.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Scope;
use store::{BlobId, Collection, Key, Lanes, Store, StoreError, Table};

use super::{
    name::LayerRef,
    record::{Layer, LayerVersion, RECORD_VERSION},
};
use crate::{error, function::table::FunctionTable};

/// See the module.
pub(crate) struct Layers {
    store: Store,
    layers: Collection<Layer>,
    versions: Collection<LayerVersion>,
    /// Publishing and deleting of one layer happen one after the other.
    turns: Lanes,
    /// Read while a function that refers to layers is being stored, written while an archive is removed: between the
    /// look for references and the removal no new one may come.
    pub(crate) referring: tokio::sync::RwLock<()>,
}

impl Layers {
    /// Loads what the store has.
    pub(crate) fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(Self {
            store: store.clone(),
            layers: Collection::load(store, Table("lambda.layers"), RECORD_VERSION)?,
            versions: Collection::load(store, Table("lambda.layer_versions"), RECORD_VERSION)?,
            turns: Lanes::default(),
            referring: tokio::sync::RwLock::default(),
        })
    }

    /// A version that has not been deleted.
    pub(crate) fn get(&self, layer: &LayerRef, number: u64) -> Option<Arc<LayerVersion>> {
        self.versions.get(&version_key(layer, number)).filter(|version| !version.deleted)
    }

    /// A version, deleted or not: functions that had one keep it.
    pub(crate) fn get_even_deleted(&self, layer: &LayerRef, number: u64) -> Option<Arc<LayerVersion>> {
        self.versions.get(&version_key(layer, number))
    }

    /// All versions of a layer that have not been deleted, oldest first.
    pub(crate) fn versions(&self, layer: &LayerRef) -> Vec<Arc<LayerVersion>> {
        let mut versions = self.versions.page(&layer_key(layer), None, usize::MAX);
        versions.retain(|version| !version.deleted);
        versions
    }

    /// At most `limit` layers behind the name `after`.
    pub(crate) fn page(&self, scope: &Scope, after: Option<&str>, limit: usize) -> Vec<Arc<Layer>> {
        let prefix = Key::new().text(&scope.account).text(&scope.region);
        let after = after.map(|after| prefix.clone().text(after));
        self.layers.page(&prefix, after.as_ref(), limit)
    }

    /// Bytes of all archives of an account in a region.
    pub(crate) fn code_size(&self, scope: &Scope) -> u64 {
        let all = self.versions.page(&Key::new().text(&scope.account).text(&scope.region), None, usize::MAX);
        all.iter().map(|version| version.code.size).sum()
    }

    /// Adds a version: `make` gets its number.
    pub(crate) async fn publish(
        &self,
        layer: &LayerRef,
        make: impl FnOnce(u64) -> LayerVersion,
    ) -> Result<Arc<LayerVersion>, ServiceError> {
        let key = layer_key(layer);
        let _turn = self.turns.turn(&key).await;
        let number = self.layers.get(&key).map_or(0, |layer| layer.last_version) + 1;
        // The number first: a crash between the two loses a number and nothing else.
        let counted = Layer { name: layer.name.clone(), last_version: number };
        self.layers.put(key, counted).await.map_err(error::storage)?;
        self.versions.put(version_key(layer, number), make(number)).await.map_err(error::storage)
    }

    /// Changes a version that has not been deleted; `missing` says so where there is none.
    pub(crate) async fn change<T>(
        &self,
        (layer, number): (&LayerRef, u64),
        missing: impl FnOnce() -> ServiceError,
        change: impl FnOnce(&mut LayerVersion) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let _turn = self.turns.turn(&layer_key(layer)).await;
        let mut version = LayerVersion::clone(&*self.get(layer, number).ok_or_else(missing)?);
        let answer = change(&mut version)?;
        self.versions.put(version_key(layer, number), version).await.map_err(error::storage)?;
        Ok(answer)
    }

    /// Deletes a version, if it is there. Its archive stays for as long as functions refer to it.
    pub(crate) async fn delete(
        &self,
        layer: &LayerRef,
        number: u64,
        functions: &FunctionTable,
    ) -> Result<(), ServiceError> {
        {
            let _turn = self.turns.turn(&layer_key(layer)).await;
            let Some(version) = self.get(layer, number) else { return Ok(()) };
            let version = LayerVersion { deleted: true, policy: None, ..LayerVersion::clone(&version) };
            self.versions.put(version_key(layer, number), version).await.map_err(error::storage)?;
        }
        self.release(&layer.version_arn(number), functions).await
    }

    /// Removes a deleted version that no function refers to any more.
    pub(crate) async fn release(&self, arn: &str, functions: &FunctionTable) -> Result<(), ServiceError> {
        let Some((layer, number)) = LayerRef::of_version(arn) else { return Ok(()) };
        let key = version_key(&layer, number);
        let Some(version) = self.versions.get(&key).filter(|version| version.deleted) else { return Ok(()) };
        let _nobody_refers = self.referring.write().await;
        if functions.refers_to_layer(arn) {
            return Ok(());
        }
        self.versions.remove(&key).await.map_err(error::storage)?;
        if let Some(id) = BlobId::parse(&version.code.blob)
            && let Err(failure) = self.store.blobs().delete(&id).await
        {
            tracing::warn!(%failure, "a layer that is not needed any more could not be removed");
        }
        Ok(())
    }

    /// The deleted versions, which a crash may have left without a reference.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let all = self.versions.page(&Key::new(), None, usize::MAX);
        all.iter().filter(|version| version.deleted).map(|version| version.arn()).collect()
    }
}

fn layer_key(layer: &LayerRef) -> Key {
    Key::new().text(&layer.scope.account).text(&layer.scope.region).text(&layer.name)
}

fn version_key(layer: &LayerRef, number: u64) -> Key {
    layer_key(layer).number(number)
}
