//! Starting, redriving and stopping the children of a Map Run.

use std::sync::Arc;

use asl::{Payload, map_run::MapRunSignal};
use aws_wire::ServiceError;
use futures::future::try_join_all;
use store::Batch;

use super::{Message, actor::Actor, inputs::name_of};
use crate::{
    driver::Start,
    errors,
    records::{self, ChildOf, ChildRow, ExecutionKey},
    service::Inner,
};

impl Actor {
    /// Starts the next children: those first that a redrive or a restart has to start again.
    pub(super) async fn start_children(&mut self, count: u64) -> Result<MapRunSignal, ServiceError> {
        let mut started = Vec::new();
        let mut all_items = 0;
        for _ in 0..count {
            let (index, again) = match self.again.pop_front() {
                Some(index) => (index, true),
                None => (self.next, false),
            };
            self.next = self.next.max(index + 1);
            let (items, input) = self.pages.get(&self.inner.store, index)?;
            all_items += items;
            self.running.insert(index, items);
            let row = if again { self.row(index)? } else { None };
            started.push(self.start_child(index, items, input, row));
        }
        try_join_all(started).await?;
        Ok(MapRunSignal::ChildrenStarted { children: count, items: all_items })
    }

    fn row(&self, index: u64) -> Result<Option<ChildRow>, ServiceError> {
        let found = self.inner.store.get(records::MAP_CHILDREN, &self.run.key.child(index));
        let found = found.map_err(errors::storage)?;
        found.map(|bytes| records::read(&bytes, "a child of a Map Run")).transpose()
    }

    /// Starts a child, or lets one go on that has a row.
    fn start_child(
        &self,
        index: u64,
        items: u64,
        input: Payload,
        row: Option<ChildRow>,
    ) -> impl Future<Output = Result<(), ServiceError>> + use<> {
        let (inner, run) = (Arc::clone(&self.inner), Arc::clone(&self.run));
        let attempt = run.state().record.redrives;
        async move {
            if let Some(row) = row
                && !run.spec.express
            {
                return redrive(&inner, &run, index, row, attempt).await;
            }
            let (name, suffix) = name_of(run.spec.seed, index);
            let child = ChildOf {
                map_run: Arc::clone(&run.arn),
                index,
                items,
                machine: run.spec.processor,
                attempt,
                suffix,
            };
            // Children run under the test case of the execution they belong to.
            let parent = inner.find(&run.parent)?;
            let start = Start {
                scope: run.key.scope.clone(),
                machine: Arc::clone(&run.key.machine),
                revision: Arc::clone(&run.revision),
                express: run.spec.express,
                name: Some(name.to_string()),
                input,
                trace_header: None,
                alias_arn: None,
                version_arn: None,
                child: Some(child),
                test_case: parent.and_then(|parent| parent.test_case()),
            };
            inner.start(start).await.map(|_| ())
        }
    }

    /// Stops the children that run. Express children end by themselves, as on AWS.
    pub(super) async fn stop_children(&mut self) -> Result<(), ServiceError> {
        if self.run.spec.express {
            return Ok(());
        }
        for index in self.running.keys() {
            let (name, _) = name_of(self.run.spec.seed, *index);
            let (scope, machine) = (self.run.key.scope.clone(), Arc::clone(&self.run.key.machine));
            self.inner.stop_execution(&ExecutionKey { scope, machine, name }.arn()).await?;
        }
        Ok(())
    }
}

/// Redrives a Standard child; one that cannot be stays as it ended.
async fn redrive(
    inner: &Arc<Inner>,
    run: &super::Run,
    index: u64,
    mut row: ChildRow,
    attempt: u64,
) -> Result<(), ServiceError> {
    match inner.redrive(row.key(&run.key), None, Some(attempt)).await {
        Ok(_) => Ok(()),
        Err(error) if error.code == "ExecutionNotRedrivable" => {
            row.attempt = attempt;
            row.not_redrivable = true;
            let status = row.status;
            let mut batch = Batch::new();
            batch.put(records::MAP_CHILDREN, run.key.child(index), records::write(&row)?);
            inner.store.commit(batch).await.map_err(errors::storage)?;
            run.state().machine.not_redrivable(row.items);
            run.tell(Message::ChildEnded { index, status, row: None });
            Ok(())
        }
        Err(error) => Err(error),
    }
}
