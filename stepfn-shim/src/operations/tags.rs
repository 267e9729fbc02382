//! TagResource, UntagResource, ListTagsForResource.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};
use store::Batch;

use super::Request;
use crate::{
    arn::{self, Resource},
    errors,
    records::{self, ActivityRecord, Machine},
    service::Inner,
};

/// The most tags of a resource.
const MOST: usize = 50;

/// Tags from a list of keys and values.
pub(super) fn from_list(list: Option<&Value>) -> BTreeMap<String, String> {
    let items = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    items.iter().map(|item| (text(item, "key"), text(item, "value"))).collect()
}

/// A resource that has tags.
enum Tagged {
    Machine(Arc<Machine>),
    Activity(Scope, Arc<ActivityRecord>),
}

impl Tagged {
    fn find(inner: &Inner, given: &str) -> Result<Self, ServiceError> {
        let missing = || {
            ServiceError::bad_request("ResourceNotFound", format!("Resource not found: '{given}'"))
                .with_field("resourceName", given)
        };
        match arn::parse(given)? {
            (scope, Resource::StateMachine { name, qualifier: None }) => {
                inner.machines.machine(&Machine::arn(&scope, &name)).map(Self::Machine).ok_or_else(missing)
            }
            (scope, Resource::Activity { name }) => {
                let found = inner.machines.activity(&scope, &name);
                found.map(|record| Self::Activity(scope, record)).ok_or_else(missing)
            }
            (
                _,
                Resource::StateMachine { .. }
                | Resource::Execution { .. }
                | Resource::Express
                | Resource::MapRun { .. },
            ) => Err(missing()),
        }
    }

    fn tags(&self) -> &BTreeMap<String, String> {
        match self {
            Self::Machine(machine) => &machine.record.tags,
            Self::Activity(_, record) => &record.tags,
        }
    }

    async fn save(&self, inner: &Inner, tags: BTreeMap<String, String>) -> Result<Output, ServiceError> {
        if tags.len() > MOST {
            return Err(ServiceError::bad_request(
                "TooManyTags",
                "You have exceeded the number of tags allowed for this resource.",
            ));
        }
        match self {
            Self::Machine(machine) => {
                let mut record = machine.record.clone();
                record.tags = tags;
                inner.save_machine(&machine.scope, record, Arc::clone(&machine.revision), false).await?;
            }
            Self::Activity(scope, record) => {
                let record = ActivityRecord { tags, ..(**record).clone() };
                inner.save_activity(scope, record).await?;
            }
        }
        Ok(Output::empty())
    }
}

impl Inner {
    /// Stores an activity, and then shows it.
    pub(crate) async fn save_activity(
        &self,
        scope: &Scope,
        record: ActivityRecord,
    ) -> Result<(), ServiceError> {
        let mut batch = Batch::new();
        batch.put(records::ACTIVITIES, Machine::key(scope, &record.name), records::write(&record)?);
        self.store.commit(batch).await.map_err(errors::storage)?;
        self.machines.put_activity(scope, Arc::new(record));
        Ok(())
    }
}

pub(super) async fn tag(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let tagged = Tagged::find(inner, request.members.text("resourceArn"))?;
    let mut tags = tagged.tags().clone();
    tags.extend(from_list(request.members.get("tags")));
    tagged.save(inner, tags).await
}

pub(super) async fn untag(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let tagged = Tagged::find(inner, request.members.text("resourceArn"))?;
    let mut tags = tagged.tags().clone();
    let keys = request.members.get("tagKeys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for key in keys.iter().filter_map(Value::as_str) {
        tags.remove(key);
    }
    tagged.save(inner, tags).await
}

pub(super) async fn list(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let tagged = Tagged::find(inner, request.members.text("resourceArn"))?;
    let tags: Vec<Value> =
        tagged.tags().iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    Ok(Output::of(json!({ "tags": tags })))
}
