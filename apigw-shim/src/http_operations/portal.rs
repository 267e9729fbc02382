//! CreatePortal, GetPortal, ListPortals, UpdatePortal, DeletePortal, PreviewPortal, PublishPortal,
//! DisablePortal.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Scope};
use serde_json::{Value, json};

use super::{Members, answer, keep, now, page, portal_product, refuse, required, text};
use crate::{
    State,
    apis::scope_key,
    error::{bad_request, conflict, not_found, storage},
    id,
    portal::{Portal, Publication, PublishStatus, PublishedProduct, arn, key},
};

const KEPT: &[&str] = &[
    "Authorization",
    "EndpointConfiguration",
    "IncludedPortalProductArns",
    "LogoUri",
    "PortalContent",
    "Tags",
];
const COLORS: &[&str] = &[
    "AccentColor",
    "BackgroundColor",
    "ErrorValidationColor",
    "HeaderColor",
    "NavigationColor",
    "TextColor",
];

fn render(scope: &Scope, portal: &Portal) -> Members {
    let mut members = portal.members.clone();
    members.remove("LogoUri");
    let own = portal.members.get("EndpointConfiguration").and_then(|it| it.get("AcmManaged")).cloned();
    let mut endpoint = own.unwrap_or_else(|| json!({}));
    let default = format!("{}.portal.apigateway.{}.amazonaws.com", portal.id, scope.region);
    endpoint["PortalDefaultDomainName"] = json!(&default);
    endpoint["PortalDomainHostedZoneId"] = json!("Z1UJRXOUMOOFQ8");
    members.insert(String::from("EndpointConfiguration"), endpoint);
    members.insert(String::from("PortalArn"), json!(arn(scope, "portals", &portal.id)));
    members.insert(String::from("PortalId"), json!(portal.id));
    members.insert(String::from("PublishStatus"), json!(portal.status.name()));
    if let Some(published) = &portal.published {
        members.insert(String::from("LastPublished"), json!(published.at));
        members.insert(String::from("LastPublishedDescription"), json!(published.description));
    }
    if portal.preview.is_some() {
        let preview =
            json!({"PreviewStatus": "PREVIEW_READY", "PreviewUrl": format!("https://{default}/preview")});
        members.insert(String::from("Preview"), preview);
    }
    members
}

pub(super) fn find(state: &State, scope: &Scope, id: &str) -> Result<Arc<Portal>, ServiceError> {
    let found = state.portals.portals.get(&key(scope, id));
    found.ok_or_else(|| not_found(format!("Invalid portal identifier specified {id}")))
}

pub(super) async fn put(state: &State, scope: &Scope, portal: Portal) -> Result<Arc<Portal>, ServiceError> {
    state.portals.portals.put(key(scope, &portal.id), portal).await.map_err(storage)
}

/// Exactly one member of a union is there.
pub(super) fn one_of(members: &Members, union: &str) -> Result<(), ServiceError> {
    let count =
        |value: &Value| value.as_object().map_or(0, |all| all.values().filter(|it| !it.is_null()).count());
    match members.get(union).map(count) {
        None | Some(1) => Ok(()),
        Some(_) => Err(bad_request(format!("{union} must have exactly one member"))),
    }
}

/// What is given of a portal, with what follows from it.
fn given(state: &State, ctx: &CallContext, input: &Members) -> Result<Members, ServiceError> {
    refuse(input, &["RumAppMonitorName"])?;
    one_of(input, "Authorization")?;
    one_of(input, "EndpointConfiguration")?;
    let mut members = keep(input, KEPT);
    let arns = members.get("IncludedPortalProductArns").and_then(Value::as_array).into_iter().flatten();
    for arn in arns.filter_map(Value::as_str) {
        portal_product::by_arn(state, &ctx.scope, arn)?;
    }
    let logo = text(&members, "LogoUri").filter(|uri| !uri.is_empty());
    if logo.as_deref().is_some_and(|uri| !uri.starts_with("s3://")) {
        return Err(bad_request("LogoUri must be the address of an object in Amazon S3"));
    }
    if let Some(content) = members.get_mut("PortalContent") {
        let colors = content.get("Theme").and_then(|theme| theme.get("CustomColors"));
        for name in COLORS {
            let color = colors.and_then(|colors| colors.get(name)?.as_str()).unwrap_or_default();
            if !is_color(color) {
                return Err(bad_request(format!("{name} must be a color such as #0a1b2c: {color}")));
            }
        }
        if logo.is_some() {
            content["Theme"]["LogoLastUploaded"] = now(state);
        }
    }
    members.insert(String::from("LastModified"), now(state));
    Ok(members)
}

/// `#rgb` or `#rrggbb`, and with how much shines through.
fn is_color(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut members = given(state, ctx, &input)?;
    members.entry("IncludedPortalProductArns").or_insert(json!([]));
    members.entry("Tags").or_insert(json!({}));
    let portal = Portal {
        id: id::random(10),
        members,
        status: PublishStatus::Disabled,
        published: None,
        preview: None,
    };
    Ok(answer(render(&ctx.scope, &*put(state, &ctx.scope, portal).await?)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(&ctx.scope, &*find(state, &ctx.scope, &required(&input, "PortalId"))?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let all = state.portals.portals.page(&scope_key(&ctx.scope), None, usize::MAX);
    page("ListPortals", &all, &input, |portal| portal.id.clone(), |portal| render(&ctx.scope, portal))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let change = |portal: &mut Portal| {
        portal.members.extend(given(state, ctx, &input)?);
        Ok(())
    };
    Ok(answer(render(&ctx.scope, &*changed(state, ctx, &input, change).await?)))
}

/// Changes the portal that the input names.
async fn changed(
    state: &State,
    ctx: &CallContext,
    input: &Members,
    change: impl FnOnce(&mut Portal) -> Result<(), ServiceError>,
) -> Result<Arc<Portal>, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let mut portal = Portal::clone(&*find(state, &ctx.scope, &required(input, "PortalId"))?);
    change(&mut portal)?;
    put(state, &ctx.scope, portal).await
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.portals.changing.lock().await;
    let portal = find(state, &ctx.scope, &required(&input, "PortalId"))?;
    if portal.status == PublishStatus::Published {
        return Err(conflict("A portal that is published cannot be deleted. Disable it first"));
    }
    state.portals.portals.remove(&key(&ctx.scope, &portal.id)).await.map_err(storage)?;
    Ok(Output::empty())
}

/// The portal as it is now, with its products and their pages.
fn freeze(
    state: &State,
    ctx: &CallContext,
    portal: &Portal,
    description: Option<String>,
) -> Result<Publication, ServiceError> {
    let arns =
        portal.members.get("IncludedPortalProductArns").and_then(Value::as_array).into_iter().flatten();
    let mut products = Vec::new();
    for arn in arns.filter_map(Value::as_str) {
        let product = portal_product::by_arn(state, &ctx.scope, arn)?;
        let below = key(&ctx.scope, &product.id);
        let pages = state.portals.pages.page(&below, None, usize::MAX);
        let endpoint_pages = state.portals.endpoint_pages.page(&below, None, usize::MAX);
        products.push(PublishedProduct {
            product: (*product).clone(),
            pages: pages.iter().map(|page| (**page).clone()).collect(),
            endpoint_pages: endpoint_pages.iter().map(|page| (**page).clone()).collect(),
        });
    }
    let at = state.clock.now().epoch_seconds();
    Ok(Publication { at, description, portal: portal.members.clone(), products })
}

/// Freezes the portal as it is, for everybody.
pub(super) async fn publish(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let publish = |portal: &mut Portal| {
        portal.published = Some(freeze(state, ctx, portal, text(&input, "Description"))?);
        portal.status = PublishStatus::Published;
        Ok(())
    };
    changed(state, ctx, &input, publish).await?;
    Ok(Output::empty())
}

/// Freezes the portal as it is, for whoever works on it. What is published stays.
pub(super) async fn preview(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let preview = |portal: &mut Portal| {
        portal.preview = Some(freeze(state, ctx, portal, None)?);
        Ok(())
    };
    changed(state, ctx, &input, preview).await?;
    Ok(Output::empty())
}

/// Takes the portal from those who could see it; when it was published last stays known.
pub(super) async fn disable(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let disable = |portal: &mut Portal| {
        if portal.status != PublishStatus::Published {
            return Err(conflict("The portal is not published"));
        }
        portal.status = PublishStatus::Disabled;
        Ok(())
    };
    changed(state, ctx, &input, disable).await?;
    Ok(Output::empty())
}
