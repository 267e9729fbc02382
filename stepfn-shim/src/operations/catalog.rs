//! State machines and activities in memory: by ARN, and in the order of their names.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use asl::Definition;
use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::Scope;
use store::{Batch, Key, StoreError};

use crate::{
    errors,
    records::{self, ActivityRecord, Machine, MachineRecord, Revision, RevisionRecord},
    service::Inner,
};

/// All state machines and activities. The map by ARN serves calls; the ordered one serves lists.
#[derive(Default)]
pub(crate) struct Catalog {
    machines: DashMap<Arc<str>, Arc<Machine>>,
    machine_names: Names<Arc<Machine>>,
    activity_names: Names<Arc<ActivityRecord>>,
}

type Names<T> = RwLock<BTreeMap<(Scope, Arc<str>), T>>;

impl Catalog {
    pub(crate) fn machine(&self, arn: &str) -> Option<Arc<Machine>> {
        self.machines.get(arn).map(|machine| Arc::clone(&machine))
    }

    pub(crate) fn put_machine(&self, machine: Arc<Machine>) {
        let place = (machine.scope.clone(), Arc::clone(&machine.name));
        self.machines.insert(Arc::clone(&machine.arn), Arc::clone(&machine));
        self.machine_names.write().unwrap_or_else(PoisonError::into_inner).insert(place, machine);
    }

    pub(crate) fn remove_machine(&self, machine: &Machine) {
        self.machines.remove(&machine.arn);
        let place = (machine.scope.clone(), Arc::clone(&machine.name));
        self.machine_names.write().unwrap_or_else(PoisonError::into_inner).remove(&place);
    }

    /// Machines of a scope behind a name.
    pub(crate) fn machines_after(
        &self,
        scope: &Scope,
        after: Option<&str>,
        count: usize,
    ) -> Vec<Arc<Machine>> {
        page(&self.machine_names, scope, after, count)
    }

    pub(crate) fn activity(&self, scope: &Scope, name: &str) -> Option<Arc<ActivityRecord>> {
        let names = self.activity_names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&(scope.clone(), Arc::from(name))).cloned()
    }

    pub(crate) fn put_activity(&self, scope: &Scope, record: Arc<ActivityRecord>) {
        let place = (scope.clone(), Arc::from(record.name.as_str()));
        self.activity_names.write().unwrap_or_else(PoisonError::into_inner).insert(place, record);
    }

    pub(crate) fn remove_activity(&self, scope: &Scope, name: &str) {
        let place = (scope.clone(), Arc::from(name));
        self.activity_names.write().unwrap_or_else(PoisonError::into_inner).remove(&place);
    }

    pub(crate) fn activities_after(
        &self,
        scope: &Scope,
        after: Option<&str>,
        count: usize,
    ) -> Vec<Arc<ActivityRecord>> {
        page(&self.activity_names, scope, after, count)
    }
}

fn page<T: Clone>(names: &Names<T>, scope: &Scope, after: Option<&str>, count: usize) -> Vec<T> {
    let names = names.read().unwrap_or_else(PoisonError::into_inner);
    let from = match after {
        Some(after) => Bound::Excluded((scope.clone(), Arc::from(after))),
        None => Bound::Included((scope.clone(), Arc::from(""))),
    };
    let of_scope = names.range((from, Bound::Unbounded)).take_while(|((found, _), _)| found == scope);
    of_scope.take(count).map(|(_, item)| item.clone()).collect()
}

const PAGE: usize = 1000;

impl Inner {
    /// Stores a machine, and a new revision if it has one, and then shows it.
    pub(crate) async fn save_machine(
        &self,
        scope: &Scope,
        record: MachineRecord,
        revision: Arc<Revision>,
        is_new: bool,
    ) -> Result<Arc<Machine>, ServiceError> {
        let mut batch = Batch::new();
        batch.put(records::MACHINES, Machine::key(scope, &record.name), records::write(&record)?);
        if is_new {
            let key = RevisionRecord::key(scope, &record.name, &revision.record.id);
            batch.put(records::REVISIONS, key, records::write(&revision.record)?);
        }
        self.store.commit(batch).await.map_err(errors::storage)?;
        let machine = Arc::new(Machine {
            scope: scope.clone(),
            arn: Machine::arn(scope, &record.name).into(),
            name: record.name.as_str().into(),
            record,
            revision: Arc::clone(&revision),
        });
        let place = (scope.clone(), Arc::clone(&machine.name), Arc::from(revision.record.id.as_str()));
        self.revisions.insert(place, revision);
        self.machines.put_machine(Arc::clone(&machine));
        Ok(machine)
    }

    /// A revision of a machine, also of one that was deleted while executions ran.
    pub(crate) fn revision(
        &self,
        scope: &Scope,
        machine: &str,
        id: &str,
    ) -> Result<Option<Arc<Revision>>, ServiceError> {
        let place = (scope.clone(), Arc::from(machine), Arc::from(id));
        if let Some(found) = self.revisions.get(&place) {
            return Ok(Some(Arc::clone(&found)));
        }
        let key = RevisionRecord::key(scope, machine, id);
        let Some(bytes) = self.store.get(records::REVISIONS, &key).map_err(errors::storage)? else {
            return Ok(None);
        };
        let revision = Arc::new(compile(records::read(&bytes, "a state machine")?)?);
        self.revisions.insert(place, Arc::clone(&revision));
        Ok(Some(revision))
    }

    pub(crate) fn load_machines(&self) -> Result<(), StoreError> {
        self.each_row(records::MACHINES, |scope, name, value| {
            let record: MachineRecord = records::read(value, "a state machine")?;
            let revision = self.revision(scope, name, &record.revision)?;
            let revision = revision.ok_or_else(|| errors::damaged("a state machine"))?;
            self.machines.put_machine(Arc::new(Machine {
                scope: scope.clone(),
                arn: Machine::arn(scope, name).into(),
                name: name.into(),
                record,
                revision,
            }));
            Ok(())
        })
    }

    pub(crate) fn load_activities(&self) -> Result<(), StoreError> {
        self.each_row(records::ACTIVITIES, |scope, _, value| {
            self.machines.put_activity(scope, Arc::new(records::read(value, "an activity")?));
            Ok(())
        })
    }

    fn each_row(
        &self,
        table: store::Table,
        mut visit: impl FnMut(&Scope, &str, &[u8]) -> Result<(), ServiceError>,
    ) -> Result<(), StoreError> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let rows = self.store.scan(table, &Key::new(), after.as_deref(), PAGE)?;
            for (key, value) in &rows {
                let Some((scope, parts)) = records::key_parts(key, 1) else { continue };
                if let Err(error) = visit(&scope, &parts[0], value) {
                    tracing::error!(name = parts[0], %error, "a stored resource cannot be read, and is left out");
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }
}

fn compile(record: RevisionRecord) -> Result<Revision, ServiceError> {
    // What Express forbids was checked when the revision was made.
    let (definition, _) = Definition::parse(&record.definition, false);
    let definition = definition.ok_or_else(|| errors::damaged("a state machine's definition"))?;
    Ok(Revision { record, definition: Arc::new(definition) })
}
