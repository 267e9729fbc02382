//! Documentation versions: names for what an API's documentation was at a time. Stages name one.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{
    api,
    part::{Part, find},
    rest_api, stage,
};
use crate::{
    State,
    error::{conflict, invalid},
    members,
    patch::Patch,
    rest_api::record::{DocumentationVersion, RestApi, Stage},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    documentation_version: String,
    stage_name: Option<String>,
    description: Option<String>,
}

impl Part for DocumentationVersion {
    const MEMBER: &'static str = "documentationVersion";

    fn all(record: &RestApi) -> &Vec<Self> {
        &record.documentation_versions
    }

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self> {
        &mut record.documentation_versions
    }

    fn key(&self) -> &str {
        &self.version
    }

    fn missing(_: &str) -> ServiceError {
        invalid("Documentation version")
    }

    fn forget(record: &mut RestApi, id: &str) {
        record.documentation_snapshots.remove(id);
    }

    fn change(&mut self, _: &RestApi, patch: &Patch) -> Result<(), ServiceError> {
        if patch.path != "/description" {
            return Err(patch.invalid_path());
        }
        patch.only_replace()?;
        self.description = Some(patch.value());
        Ok(())
    }
}

/// Whether an API has that version of its documentation.
pub(super) fn check(api: &RestApi, version: &str) -> Result<(), ServiceError> {
    find::<DocumentationVersion>(api, version).map(drop)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let stage = match &input.stage_name {
        None => None,
        Some(name) => Some(Stage::clone(&*stage::find(state, &live, name)?)),
    };
    let version = DocumentationVersion {
        version: input.documentation_version,
        created_date: rest_api::seconds(state),
        description: input.description,
    };
    let made = version.version.clone();
    let answer = rest_api::alter(state, &live, |record| {
        if check(record, &version.version).is_ok() {
            return Err(conflict("Documentation version already exists"));
        }
        let answer = members::answer(&version);
        let parts = record.documentation_parts.clone();
        record.documentation_snapshots.insert(version.version.clone(), parts);
        record.documentation_versions.push(version);
        answer
    })
    .await?;
    if let Some(mut stage) = stage {
        let _changing = live.changing.lock().await;
        stage.documentation_version = Some(made);
        stage::keep(state, &live, stage).await?;
    }
    Ok(answer)
}
