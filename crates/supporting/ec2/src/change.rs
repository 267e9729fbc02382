//! Changes of several resources at once: all of them, or none.

use aws_wire::ServiceError;
use runtime::Scope;
use store::{Batch, Staged};

use crate::{
    State, error, key, prefix,
    record::{Group, Region, Subnet, Vpc},
};

/// What a batch does, to be shown once it is durable.
pub(crate) struct Changes<'s> {
    state: &'s State,
    scope: &'s Scope,
    batch: Batch,
    region: Option<Staged<Region>>,
    vpcs: Vec<Staged<Vpc>>,
    subnets: Vec<Staged<Subnet>>,
    groups: Vec<Staged<Group>>,
}

impl<'s> Changes<'s> {
    pub(crate) fn new(state: &'s State, scope: &'s Scope) -> Self {
        Self {
            state,
            scope,
            batch: Batch::new(),
            region: None,
            vpcs: Vec::new(),
            subnets: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Says that the region has been given its default VPC.
    pub(crate) fn region(&mut self) -> Result<(), ServiceError> {
        let staged = self.state.regions.stage(&mut self.batch, prefix(self.scope), Region {});
        self.region = Some(staged.map_err(error::storage)?);
        Ok(())
    }

    pub(crate) fn vpc(&mut self, vpc: Vpc) -> Result<(), ServiceError> {
        let staged = self.state.vpcs.stage(&mut self.batch, key(self.scope, &vpc.id), vpc);
        self.vpcs.push(staged.map_err(error::storage)?);
        Ok(())
    }

    pub(crate) fn subnet(&mut self, subnet: Subnet) -> Result<(), ServiceError> {
        let staged = self.state.subnets.stage(&mut self.batch, key(self.scope, &subnet.id), subnet);
        self.subnets.push(staged.map_err(error::storage)?);
        Ok(())
    }

    pub(crate) fn group(&mut self, group: Group) -> Result<(), ServiceError> {
        let staged = self.state.groups.stage(&mut self.batch, key(self.scope, &group.id), group);
        self.groups.push(staged.map_err(error::storage)?);
        Ok(())
    }

    pub(crate) fn remove_vpc(&mut self, id: &str) {
        self.vpcs.push(self.state.vpcs.stage_removal(&mut self.batch, key(self.scope, id)));
    }

    pub(crate) fn remove_subnet(&mut self, id: &str) {
        self.subnets.push(self.state.subnets.stage_removal(&mut self.batch, key(self.scope, id)));
    }

    pub(crate) fn remove_group(&mut self, id: &str) {
        self.groups.push(self.state.groups.stage_removal(&mut self.batch, key(self.scope, id)));
    }

    /// Makes it all durable, and then visible.
    pub(crate) async fn commit(self) -> Result<(), ServiceError> {
        let state = self.state;
        state.vpcs.commit(self.batch).await.map_err(error::storage)?;
        self.region.into_iter().for_each(|staged| state.regions.show(staged));
        self.vpcs.into_iter().for_each(|staged| state.vpcs.show(staged));
        self.subnets.into_iter().for_each(|staged| state.subnets.show(staged));
        self.groups.into_iter().for_each(|staged| state.groups.show(staged));
        Ok(())
    }
}
