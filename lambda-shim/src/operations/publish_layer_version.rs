//! `PublishLayerVersion`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use crate::{
    access,
    code::{download, source},
    function::{configure::text, record::last_modified},
    layer::{name::LayerRef, record::LayerVersion},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    let layer = LayerRef::of(ctx, &members);
    if layer.scope != ctx.scope {
        let arn = layer.scope.arn("lambda", &format!("layer:{}", layer.name));
        return Err(access::denied(&ctx.scope, "PublishLayerVersion", &arn));
    }
    let none = Map::new();
    let content = members.get("Content").and_then(Value::as_object).unwrap_or(&none);
    let package = source::fetch(ctx, &*inner.router, content).await?;
    let code = source::keep(&inner.store, package).await?;
    let list = |name: &str| {
        let given = members.get(name).and_then(Value::as_array)?;
        Some(given.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    };
    let now = inner.clock.now();
    let published = inner.layers.publish(&layer, |number| LayerVersion {
        account: layer.scope.account.to_string(),
        region: layer.scope.region.to_string(),
        layer: layer.name.clone(),
        number,
        code,
        description: text(&members, "Description").unwrap_or_default().to_owned(),
        license: text(&members, "LicenseInfo").map(str::to_owned),
        runtimes: list("CompatibleRuntimes"),
        architectures: list("CompatibleArchitectures"),
        created: last_modified(now),
        policy: None,
        deleted: false,
    });
    let published = published.await?;
    let link = download::link(&ctx.endpoint, &published.code.blob, &inner.secret, now);
    Ok(Output { members: published.shown(&link), ..Output::default() })
}
