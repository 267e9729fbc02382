//! Stopping what an execution that was called off had started and waited for.

use std::sync::Arc;

use asl::Signal;
use aws_wire::ServiceError;
use bytes::Bytes;
use store::{Batch, Key};

use crate::{errors, records, service::Inner};

const PAGE: usize = 1000;

impl Inner {
    /// Begins to stop an execution; the wish is stored already, and is taken back when it is done.
    pub(crate) fn stop_started(self: &Arc<Self>, arn: &Arc<str>) {
        let (inner, arn) = (Arc::clone(self), Arc::clone(arn));
        tokio::spawn(async move {
            if let Err(error) = inner.stop_now(&arn).await {
                tracing::error!(execution = &*arn, %error, "an execution could not be stopped");
            }
        });
    }

    async fn stop_now(self: &Arc<Self>, arn: &str) -> Result<(), ServiceError> {
        self.stop_execution(arn).await?;
        let mut batch = Batch::new();
        batch.delete(records::TO_STOP, Key::new().text(arn));
        self.store.commit(batch).await.map_err(errors::storage)
    }

    /// Stops an execution that runs.
    pub(crate) async fn stop_execution(self: &Arc<Self>, arn: &str) -> Result<(), ServiceError> {
        let Some(running) = self.find(arn)? else { return Ok(()) };
        self.deliver(&running, Signal::StopRequested { error: None, cause: None }).await
    }

    /// Stops the executions that a restart kept from being stopped.
    pub(super) fn resume_stopping(self: &Arc<Self>) -> Result<(), ServiceError> {
        let mut after: Option<Bytes> = None;
        loop {
            let rows = self.store.scan(records::TO_STOP, &Key::new(), after.as_deref(), PAGE);
            let rows = rows.map_err(errors::storage)?;
            for (key, _) in &rows {
                if let Some((mut texts, _)) = Key::texts(key, 1) {
                    self.stop_started(&texts.swap_remove(0).into());
                }
            }
            match rows.last() {
                Some((last, _)) if rows.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(()),
            }
        }
    }
}
