//! `ResumeDurableExecution`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{durable_conflict, durable_execution};
use crate::{
    durable::{
        driver,
        engine::control::{self, Request},
    },
    function::{configure::text, record::new_id},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let entry = durable_execution(&lambda.0, ctx, members)?;
    let request = Request {
        client_token: text(members, "ClientToken").map(str::to_owned),
        reason: text(members, "Reason").map(str::to_owned),
        holds_timeout: false,
    };
    let request_id = new_id();
    let resumed = driver::change(&lambda.0, &entry, |draft| {
        control::resume(draft, &request, &request_id).map_err(|refused| durable_conflict("resumed", refused))
    });
    resumed.await?;
    Ok(Output { status: Some(202), ..Output::empty() })
}
