//! `DeleteEventSourceMapping`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{get_event_source_mapping::found, update_event_source_mapping::must_be_settled};
use crate::{
    event_source::{poll, record::Phase},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let uuid = found(inner, ctx, &input)?.uuid.clone();
    let _turn = inner.mappings.turns.turn(&store::Key::new().text(&uuid)).await;
    let mapping = found(inner, ctx, &input)?;
    must_be_settled(inner, &mapping, "delete")?;
    let poller = poll::stop(inner, &uuid);
    inner.mappings.live(&uuid).enter(Phase::Deleting);
    let members = inner.mappings.shown(&mapping);
    inner.mappings.remove(&mapping).await?;
    let inner = inner.clone();
    tokio::spawn(async move {
        if let Some(poller) = poller {
            // It may still note how far it is, for what was under way.
            let _ = poller.await;
        }
        inner.mappings.forget(&uuid).await;
    });
    Ok(Output { members, ..Output::default() })
}
