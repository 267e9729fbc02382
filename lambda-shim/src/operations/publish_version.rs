//! `PublishVersion`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{activate, entry, must_be_revision, must_be_settled, named};
use crate::{
    error,
    function::{
        answer,
        configure::{self, text},
        name::LATEST_PUBLISHED,
        record::{Configuration, Function, State, Update},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    configure::refuse_unsupported(&members)?;
    let place = Place::of(&members);
    let named = crate::function::name::FunctionRef { qualifier: None, ..named(ctx, &members)? };
    let entry = entry(inner, ctx, &named)?;
    let members = inner
        .table
        .update(&entry, |function| {
            place.must_suit(&function.latest)?;
            must_be_revision(&members, &function.latest.revision_id)?;
            must_be_settled(&entry, function)?;
            let current = &function.latest.code.sha256;
            if let Some(given) = text(&members, "CodeSha256").filter(|given| given != current) {
                return Err(error::invalid_parameter(format!(
                    "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again \
                     with the CodeSHA256 in $LATEST."
                )));
            }
            let version = publish(function, text(&members, "Description"), place);
            let shown = function.version(&version).unwrap_or(&function.latest);
            Ok(answer::configuration(&ctx.scope, &named.name, shown, Some(&version)))
        })
        .await?;
    activate::versions(inner, &entry);
    Ok(Output { members, ..Output::default() })
}

/// Where a version is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As the next number.
    Number,
    /// As `$LATEST.PUBLISHED`, in the place of what was that before.
    LatestPublished,
}

impl Place {
    /// What `PublishTo` says.
    pub(super) fn of(members: &Map<String, Value>) -> Self {
        if text(members, "PublishTo").is_some() { Self::LatestPublished } else { Self::Number }
    }

    /// Where members that may ask for a version want it.
    pub(super) fn asked_for(members: &Map<String, Value>) -> Option<Self> {
        let place = Self::of(members);
        let asked = members.get("Publish").and_then(Value::as_bool) == Some(true);
        (asked || place == Self::LatestPublished).then_some(place)
    }

    /// Refuses a place that functions of this kind do not have.
    pub(super) fn must_suit(self, latest: &Configuration) -> Result<(), ServiceError> {
        match self {
            Self::LatestPublished if latest.capacity.is_none() => Err(error::invalid_parameter(
                "PublishTo is supported only for functions that have a CapacityProviderConfig.",
            )),
            Self::LatestPublished | Self::Number => Ok(()),
        }
    }
}

/// Publishes `$LATEST`, unless the newest version is the same already. Answers the version's name.
pub(super) fn publish(function: &mut Function, description: Option<&str>, place: Place) -> String {
    if place == Place::LatestPublished {
        let same = |published: &Configuration| published.deployment == function.latest.deployment;
        if !function.latest_published.as_ref().is_some_and(same) {
            function.latest_published = Some(snapshot(&function.latest, LATEST_PUBLISHED, description));
            function.latest.revise();
        }
        return LATEST_PUBLISHED.to_owned();
    }
    if let Some(newest) = function.versions.get(&function.last_version)
        && newest.deployment == function.latest.deployment
    {
        return newest.version.clone();
    }
    function.last_version += 1;
    let version = function.last_version.to_string();
    let published = snapshot(&function.latest, &version, description);
    function.versions.insert(function.last_version, published);
    function.latest.revise();
    version
}

fn snapshot(latest: &Configuration, version: &str, description: Option<&str>) -> Configuration {
    let mut published = latest.clone();
    published.publish_as(version);
    published.last_update = Some(Update::Successful);
    if published.has_snapshot() || published.is_managed_version() {
        published.state = State::Pending;
    }
    if let Some(description) = description {
        published.description = description.to_owned();
    }
    published
}
