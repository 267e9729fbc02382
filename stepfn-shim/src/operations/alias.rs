//! Aliases: names that lead to one version, or to two by weight.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};

use super::{Request, listing::name_of_token};
use crate::{
    arn, errors,
    records::{AliasRecord, Machine, MachineRecord, Route},
    service::Inner,
};

fn not_found() -> ServiceError {
    ServiceError::bad_request("ResourceNotFound", "Request references a resource that does not exist.")
}

/// The machine and the routes of a routing configuration.
fn routes(inner: &Inner, given: Option<&Value>) -> Result<(Arc<Machine>, Vec<Route>), ServiceError> {
    let items = given.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let arn_of =
        |item: &Value| item.get("stateMachineVersionArn").and_then(Value::as_str).unwrap_or("").to_owned();
    let arns: Vec<String> = items.iter().map(arn_of).collect();
    let received = || format!("Received: [{}]", arns.join(", "));
    let mut machine: Option<Arc<Machine>> = None;
    let mut routes: Vec<Route> = Vec::with_capacity(items.len());
    for (item, given) in items.iter().zip(&arns) {
        let (scope, name, qualifier) = arn::state_machine(given)?;
        let Some(version) = qualifier.and_then(|qualifier| qualifier.parse::<u64>().ok()) else {
            let message =
                format!("Routing configuration must contain state machine version ARNs. {}", received());
            return Err(ServiceError::validation(message));
        };
        let found = inner.machines.machine(&Machine::arn(&scope, &name)).ok_or_else(not_found)?;
        if machine.as_ref().is_some_and(|machine| machine.arn != found.arn) {
            let message =
                format!("Routing configuration must contain versions of one state machine. {}", received());
            return Err(ServiceError::validation(message));
        }
        if !found.record.versions.iter().any(|known| known.number == version) {
            return Err(not_found());
        }
        let weight = item.get("weight").and_then(Value::as_u64).unwrap_or(0);
        routes.push(Route { version, weight });
        machine = Some(found);
    }
    if routes.len() == 2 && routes[0].version == routes[1].version {
        let message =
            format!("Routing configuration must contain distinct state machine version ARNs. {}", received());
        return Err(ServiceError::validation(message));
    }
    if routes.iter().map(|route| route.weight).sum::<u64>() != 100 {
        let weights: Vec<String> = routes.iter().map(|route| route.weight.to_string()).collect();
        let message = format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        );
        return Err(ServiceError::validation(message));
    }
    machine.map(|machine| (machine, routes)).ok_or_else(not_found)
}

async fn save(inner: &Inner, machine: &Machine, record: MachineRecord) -> Result<(), ServiceError> {
    inner.save_machine(&machine.scope, record, Arc::clone(&machine.revision), false).await?;
    Ok(())
}

pub(super) async fn create(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let name = members.text("name");
    let (machine, routes) = routes(inner, members.get("routingConfiguration"))?;
    let description = members.optional_text("description").map(str::to_owned);
    let arn = format!("{}:{name}", machine.arn);
    if let Some(found) = machine.record.aliases.get(name) {
        // Creating what is there already, and the same, is no error.
        if found.routes == routes && found.description == description {
            return Ok(created(&arn, found));
        }
        let message = format!("State machine alias with name {name} already exists.");
        return Err(ServiceError::bad_request("ConflictException", message));
    }
    let now = inner.clock.now();
    let alias = AliasRecord { description, routes, created: now, updated: now };
    let answer = created(&arn, &alias);
    let mut record = machine.record.clone();
    record.aliases.insert(name.to_owned(), alias);
    save(inner, &machine, record).await?;
    Ok(answer)
}

fn created(arn: &str, alias: &AliasRecord) -> Output {
    Output::of(json!({ "stateMachineAliasArn": arn, "creationDate": alias.created.epoch_seconds() }))
}

/// The machine and the alias of an alias's ARN.
fn find(inner: &Inner, given: &str) -> Result<(Arc<Machine>, String, AliasRecord), ServiceError> {
    let (scope, name, qualifier) = arn::state_machine(given)?;
    let alias = qualifier.ok_or_else(|| errors::invalid_arn(format!("Invalid ARN: {given}")))?;
    let machine = inner.machines.machine(&Machine::arn(&scope, &name)).ok_or_else(not_found)?;
    let record = machine.record.aliases.get(&alias).cloned().ok_or_else(not_found)?;
    Ok((machine, alias, record))
}

pub(super) async fn describe(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let given = request.members.text("stateMachineAliasArn");
    let (machine, name, alias) = find(inner, given)?;
    let routes: Vec<Value> = alias
        .routes
        .iter()
        .map(|route| {
            let version = format!("{}:{}", machine.arn, route.version);
            json!({ "stateMachineVersionArn": version, "weight": route.weight })
        })
        .collect();
    Ok(Output::of(json!({
        "stateMachineAliasArn": given,
        "name": name,
        "description": alias.description,
        "routingConfiguration": routes,
        "creationDate": alias.created.epoch_seconds(),
        "updateDate": alias.updated.epoch_seconds(),
    })))
}

pub(super) async fn update(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (machine, name, mut alias) = find(inner, members.text("stateMachineAliasArn"))?;
    if let Some(given) = members.get("routingConfiguration") {
        let (of, routes) = routes(inner, Some(given))?;
        if of.arn != machine.arn {
            return Err(ServiceError::validation("The alias and its versions must be of one state machine"));
        }
        alias.routes = routes;
    }
    if let Some(description) = members.optional_text("description") {
        alias.description = Some(description.to_owned());
    }
    alias.updated = inner.clock.now();
    let updated = alias.updated;
    let mut record = machine.record.clone();
    record.aliases.insert(name, alias);
    save(inner, &machine, record).await?;
    Ok(Output::of(json!({ "updateDate": updated.epoch_seconds() })))
}

pub(super) async fn delete(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (machine, name, _) = find(inner, request.members.text("stateMachineAliasArn"))?;
    let mut record = machine.record.clone();
    record.aliases.remove(&name);
    save(inner, &machine, record).await?;
    Ok(Output::empty())
}

pub(super) async fn list(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (machine, qualifier) = inner.machine_of(request.members.text("stateMachineArn"))?;
    // By a version's ARN, only the aliases that lead to it.
    let version: Option<u64> = qualifier.and_then(|qualifier| qualifier.parse().ok());
    let after = request.members.optional_text("nextToken").map(name_of_token).transpose()?;
    let size = request.members.page_size(100);
    let leads =
        |alias: &AliasRecord| version.is_none_or(|version| alias.routes.iter().any(|r| r.version == version));
    let rest =
        machine.record.aliases.iter().filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
    let mut page: Vec<_> = rest.filter(|(_, alias)| leads(alias)).take(size + 1).collect();
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|(name, _)| format!("after-{name}"));
    let item = |(name, alias): &(&String, &AliasRecord)| {
        json!({
            "stateMachineAliasArn": format!("{}:{name}", machine.arn),
            "creationDate": alias.created.epoch_seconds(),
        })
    };
    let items: Vec<Value> = page.iter().map(item).collect();
    Ok(Output::of(json!({ "stateMachineAliases": items, "nextToken": next })))
}
