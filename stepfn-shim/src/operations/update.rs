//! UpdateStateMachine.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::json;
use uuid::Uuid;

use super::{Request, state_machine, validate};
use crate::{
    records::{Revision, RevisionRecord},
    service::Inner,
};

pub(super) async fn update(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (machine, _) = inner.machine_of(members.text("stateMachineArn"))?;
    let fields =
        ["definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration"];
    let publish = members.boolean("publish") == Some(true);
    if !publish && fields.iter().all(|field| members.get(field).is_none()) {
        return Err(ServiceError::bad_request(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration, or the EncryptionConfiguration must be specified",
        ));
    }
    if members.get("versionDescription").is_some() && !publish {
        return Err(ServiceError::validation("Version description can only be set when publish is true"));
    }
    let old = &machine.revision.record;
    let definition = match members.optional_text("definition") {
        Some(text) => validate::compile(text, machine.record.express)?,
        None => Arc::clone(&machine.revision.definition),
    };
    let now = inner.clock.now();
    let logging = match members.get("loggingConfiguration") {
        Some(given) => state_machine::logging_configuration(inner, &machine.scope, Some(given)).await?,
        None => old.logging.clone(),
    };
    let wanted = RevisionRecord {
        id: Uuid::new_v4().to_string(),
        definition: members.optional_text("definition").unwrap_or(&old.definition).to_owned(),
        role_arn: members.optional_text("roleArn").unwrap_or(&old.role_arn).to_owned(),
        logging,
        tracing: members.get("tracingConfiguration").cloned().or_else(|| old.tracing.clone()),
        encryption: members.get("encryptionConfiguration").cloned().or_else(|| old.encryption.clone()),
        created: now,
    };
    // An update that changes nothing makes no new revision.
    let changed = !wanted.same_as(old);
    let revision = if changed {
        Arc::new(Revision { record: wanted, definition })
    } else {
        Arc::clone(&machine.revision)
    };
    let mut record = machine.record.clone();
    record.revision.clone_from(&revision.record.id);
    record.updated |= changed;
    let version = publish.then(|| record.publish(members.optional_text("versionDescription"), now));
    let shown = record.updated.then(|| revision.record.id.clone());
    let machine = inner.save_machine(&machine.scope, record, revision, changed).await?;
    Ok(Output::of(json!({
        "updateDate": now.epoch_seconds(),
        "revisionId": shown,
        "stateMachineVersionArn": version.map(|number| format!("{}:{number}", machine.arn)),
    })))
}
