//! CreateStateMachine, DescribeStateMachine, DeleteStateMachine.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};
use store::Batch;
use uuid::Uuid;

use super::{Request, tags, validate};
use crate::{
    arn, errors, logging,
    members::is_valid_name,
    records::{self, Machine, MachineRecord, Revision, RevisionRecord, VersionRecord},
    service::Inner,
};

pub(super) async fn create(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let name = members.text("name");
    if !is_valid_name(name) {
        return Err(errors::invalid_name(name));
    }
    let express = members.optional_text("type") == Some("EXPRESS");
    let definition = validate::compile(members.text("definition"), express)?;
    let publish = members.boolean("publish") == Some(true);
    if members.get("versionDescription").is_some() && !publish {
        return Err(ServiceError::validation("Version description can only be set when publish is true"));
    }
    let logging = logging_configuration(inner, request.scope, members.get("loggingConfiguration")).await?;
    let now = inner.clock.now();
    let record = RevisionRecord {
        id: Uuid::new_v4().to_string(),
        definition: members.text("definition").to_owned(),
        role_arn: members.text("roleArn").to_owned(),
        logging,
        tracing: members.get("tracingConfiguration").cloned(),
        encryption: members.get("encryptionConfiguration").cloned(),
        created: now,
    };
    if let Some(found) = inner.machines.machine(&Machine::arn(request.scope, name)) {
        return same_again(&found, &record, express);
    }
    let mut machine = MachineRecord {
        name: name.to_owned(),
        express,
        created: now,
        revision: record.id.clone(),
        updated: false,
        tags: tags::from_list(members.get("tags")),
        versions: Vec::new(),
        last_version: 0,
        aliases: BTreeMap::new(),
    };
    if publish {
        machine.publish(members.optional_text("versionDescription"), now);
    }
    let group = record.logging.as_ref().and_then(logging::group_of).map(str::to_owned);
    let revision = Arc::new(Revision { record, definition });
    let machine = inner.save_machine(request.scope, machine, revision, true).await?;
    if let Some(group) = group {
        logging::validate_delivery(inner, request.scope, &group).await;
    }
    Ok(created(&machine, publish))
}

/// Creating what is there already is no error if nothing but role and tags differs.
fn same_again(found: &Machine, wanted: &RevisionRecord, express: bool) -> Result<Output, ServiceError> {
    let wanted = RevisionRecord { role_arn: found.revision.record.role_arn.clone(), ..wanted.clone() };
    if found.record.express == express && found.revision.record.same_as(&wanted) {
        return Ok(created(found, false));
    }
    let message = format!("State Machine Already Exists: '{}'", found.arn);
    Err(ServiceError::bad_request("StateMachineAlreadyExists", message))
}

fn created(machine: &Machine, published: bool) -> Output {
    Output::of(json!({
        "stateMachineArn": &*machine.arn,
        "creationDate": machine.record.created.epoch_seconds(),
        "stateMachineVersionArn": published.then(|| format!("{}:{}", machine.arn, machine.record.last_version)),
    }))
}

impl MachineRecord {
    /// Publishes the revision in use as the next version; one that is published already keeps its number.
    pub(super) fn publish(&mut self, description: Option<&str>, now: runtime::Timestamp) -> u64 {
        if let Some(found) = self.versions.iter().find(|version| version.revision == self.revision) {
            return found.number;
        }
        self.last_version += 1;
        self.versions.push(VersionRecord {
            number: self.last_version,
            revision: self.revision.clone(),
            description: description.map(str::to_owned),
            created: now,
        });
        self.last_version
    }
}

/// Checks a logging configuration: a level that logs needs exactly one destination, and that must be there.
pub(super) async fn logging_configuration(
    inner: &Inner,
    scope: &Scope,
    given: Option<&Value>,
) -> Result<Option<Value>, ServiceError> {
    let Some(given) = given else { return Ok(None) };
    let refused = |what: &str| {
        ServiceError::bad_request(
            "InvalidLoggingConfiguration",
            format!("Invalid Logging Configuration: {what}"),
        )
    };
    let level = given.get("level").and_then(Value::as_str).unwrap_or("OFF");
    let destinations = given.get("destinations").and_then(Value::as_array).map_or(0, Vec::len);
    if destinations > 1 || level != "OFF" && destinations != 1 {
        return Err(refused("Must specify exactly one Log Destination."));
    }
    if destinations == 1 {
        let group = logging::group_of(given).ok_or_else(|| refused("Log Destination not found."))?;
        if !logging::group_exists(inner, scope, group).await {
            return Err(refused("Log Destination not found."));
        }
    }
    Ok(Some(given.clone()))
}

/// What is shown of a logging configuration.
pub(super) fn shown_logging(configuration: Option<&Value>) -> Value {
    let mut shown = json!({ "includeExecutionData": false, "level": "OFF" });
    if let (Some(Value::Object(given)), Some(shown)) = (configuration, shown.as_object_mut()) {
        shown.extend(given.clone());
    }
    shown
}

impl Inner {
    /// The machine of an ARN, and the revision its version or alias stands for.
    pub(crate) fn machine_of(&self, given: &str) -> Result<(Arc<Machine>, Option<String>), ServiceError> {
        let (scope, name, qualifier) = arn::state_machine(given)?;
        if name.contains('/') {
            return Err(ServiceError::validation(format!(
                "This operation does not support labeled state machine ARNs: '{given}'"
            ))
            .with_field("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS"));
        }
        let machine = self.machines.machine(&Machine::arn(&scope, &name));
        machine.map(|machine| (machine, qualifier)).ok_or_else(|| errors::state_machine_does_not_exist(given))
    }
}

pub(super) async fn describe(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("stateMachineArn");
    let (machine, qualifier) = inner.machine_of(given)?;
    let (revision, version) = inner.qualified(&machine, qualifier.as_deref(), given, 0)?;
    let with_data = request.members.optional_text("includedData") != Some("METADATA_ONLY");
    let record = &revision.record;
    let mut answer = json!({
        "stateMachineArn": given,
        "name": machine.record.name,
        "status": "ACTIVE",
        "definition": if with_data { record.definition.as_str() } else { "" },
        "roleArn": record.role_arn,
        "type": machine.type_name(),
        "creationDate": version.as_ref().map_or(machine.record.created, |version| version.created).epoch_seconds(),
        "loggingConfiguration": shown_logging(record.logging.as_ref()),
        "tracingConfiguration": record.tracing.clone().unwrap_or_else(|| json!({ "enabled": false })),
        "revisionId": machine.record.updated.then_some(&record.id),
        "encryptionConfiguration": record.encryption,
        "description": version.and_then(|version| version.description),
    });
    let references = variable_references(&revision);
    if with_data && !references.is_null() {
        answer["variableReferences"] = references;
    }
    Ok(Output::of(answer))
}

/// The variables each state reads; null if none does.
pub(super) fn variable_references(revision: &Revision) -> Value {
    let references = revision.definition.variable_references();
    if references.is_empty() {
        return Value::Null;
    }
    references.into_iter().map(|(state, variables)| (state.to_owned(), json!(variables))).collect()
}

pub(super) async fn delete(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("stateMachineArn");
    let (scope, name, qualifier) = arn::state_machine(given)?;
    if qualifier.is_some() {
        return Err(errors::invalid_arn(format!("Invalid ARN: {given}")));
    }
    // What is not there is deleted already. Executions go on with their revision, which stays.
    let Some(machine) = inner.machines.machine(&Machine::arn(&scope, &name)) else {
        return Ok(Output::empty());
    };
    let mut batch = Batch::new();
    batch.delete(records::MACHINES, Machine::key(&scope, &name));
    inner.store.commit(batch).await.map_err(errors::storage)?;
    inner.machines.remove_machine(&machine);
    Ok(Output::empty())
}

impl Inner {
    /// The revision that a version's number or an alias's name stands for; without one, the revision in use.
    pub(crate) fn qualified(
        &self,
        machine: &Machine,
        qualifier: Option<&str>,
        given: &str,
        draw: u64,
    ) -> Result<(Arc<Revision>, Option<VersionRecord>), ServiceError> {
        let Some(qualifier) = qualifier else { return Ok((Arc::clone(&machine.revision), None)) };
        let missing = || errors::state_machine_does_not_exist(given);
        let number = match qualifier.parse::<u64>() {
            Ok(number) => number,
            Err(_) => machine
                .record
                .aliases
                .get(qualifier)
                .and_then(|alias| alias.route(draw))
                .ok_or_else(missing)?,
        };
        let version =
            machine.record.versions.iter().find(|version| version.number == number).ok_or_else(missing)?;
        let revision =
            self.revision(&machine.scope, &machine.name, &version.revision)?.ok_or_else(missing)?;
        Ok((revision, Some(version.clone())))
    }
}

impl records::AliasRecord {
    /// The version a draw from 0 to 99 leads to.
    fn route(&self, draw: u64) -> Option<u64> {
        let mut left = draw % 100;
        for route in &self.routes {
            if left < route.weight {
                return Some(route.version);
            }
            left -= route.weight;
        }
        self.routes.first().map(|route| route.version)
    }
}
