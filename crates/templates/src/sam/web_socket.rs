//! `AWS::Serverless::WebSocketApi`: routes, each with a function behind it.

use serde_json::{Map, Value, json};

use super::{
    Serverless, Work, domain,
    intrinsic::{entries, is_said, plain_map, reference, said, substituted, with_parameters},
};
use crate::Refusals;

const KNOWN: &[&str] = &[
    "AccessLogSettings",
    "ApiKeySelectionExpression",
    "Auth",
    "DefaultRouteSettings",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "Domain",
    "IpAddressType",
    "Name",
    "PropagateTags",
    "RouteSelectionExpression",
    "RouteSettings",
    "Routes",
    "StageName",
    "StageVariables",
    "Tags",
];
const OF_API: &[&str] = &[
    "ApiKeySelectionExpression",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "IpAddressType",
    "RouteSelectionExpression",
];
const OF_STAGE: &[&str] = &["AccessLogSettings", "DefaultRouteSettings", "RouteSettings", "StageVariables"];
const OF_ROUTE: &[&str] = &[
    "ApiKeyRequired",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];
const OF_AUTH: &[&str] = &["AuthArn", "AuthType", "IdentitySource", "InvokeRole", "Name"];
const CREATED_BY: &str = "websocketapi:createdBy";
const CONNECT: &str = "$connect";
const DEFAULT_STAGE: &str = "default";
const INVOCATION: &str = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/";

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::WebSocketApi", &mut work.refusals);
    let place = format!("Resources.{id}.Properties");
    let mut properties = found.same(OF_API);
    if !properties.contains_key("RouteSelectionExpression") {
        work.refusals.add(&place, "Missing required property 'RouteSelectionExpression'.");
    }
    let is_kind = |it: &Value| *it == "ipv4" || *it == "dualstack" || it.is_object();
    if found.get("IpAddressType").is_some_and(|it| !is_kind(it)) {
        work.refusals.add(&place, "IpAddressType must be 'ipv4' or 'dualstack'.");
    }
    let mut tags: Map<String, Value> =
        entries(found.get("Tags")).map(|(name, value)| (name.clone(), value.clone())).collect();
    let made_by = Map::from_iter([(CREATED_BY.to_owned(), Value::from("SAM"))]);
    tags.extend(made_by.clone());
    properties.insert("Name".to_owned(), found.get("Name").cloned().unwrap_or_else(|| Value::from(id)));
    properties.insert("ProtocolType".to_owned(), Value::from("WEBSOCKET"));
    properties.insert("Tags".to_owned(), Value::Object(tags.clone()));
    work.made.add(id, "AWS::ApiGatewayV2::Api", properties, &found.beside);
    let stage = found.get("StageName").cloned().unwrap_or_else(|| Value::from(DEFAULT_STAGE));
    let auth = found.get("Auth").map(|auth| with_parameters(auth, work.known));
    let auth = auth.as_ref().and_then(|auth| authorizer(id, auth, found, &format!("{place}.Auth"), work));
    let routes = found.get("Routes").map(|routes| with_parameters(routes, work.known)).unwrap_or_default();
    if routes.as_object().is_none_or(Map::is_empty) {
        work.refusals.add(&place, "WebSocket API must have at least one route.");
    }
    if auth.is_some() && routes.get(CONNECT).is_none() {
        work.refusals.add(&place, "Authorization is only available if there is a $connect route.");
    }
    let mut made: Vec<String> = Vec::new();
    for (key, route) in entries(Some(&routes)) {
        let place = format!("{place}.Routes.{key}");
        let auth = auth.as_ref().filter(|_| key == CONNECT);
        let Some(route) = self::route(id, key, route, &stage, auth, found, &place, work) else { continue };
        if made.contains(&route) {
            let text =
                format!("another route comes to have the same id ({route}): case makes no difference to it");
            work.refusals.add(place, text);
        }
        made.push(route);
    }
    let tags = if found.propagated().is_some() { tags } else { made_by };
    let stage_id = add_stage(id, stage, &tags, &made, found, work);
    if let Some(domain) = found.get("Domain").map(|domain| with_parameters(domain, work.known)) {
        let place = format!("{place}.Domain");
        if domain.get("MutualTlsAuthentication").is_some_and(is_said) {
            let text = "Mutual TLS domain name association is not supported for Websocket APIs.";
            work.refusals.add(&place, text);
        }
        let ids = (id, stage_id.as_str());
        domain::http(ids, &domain, Some(&tags), found, &mut work.made, &place, &mut work.refusals);
    }
}

/// The stage of all routes. Gives its id.
fn add_stage(
    id: &str,
    stage: Value,
    tags: &Map<String, Value>,
    routes: &[String],
    found: &Serverless,
    work: &mut Work<'_>,
) -> String {
    let place = format!("Resources.{id}.Properties");
    let stage_id = match stage.as_str() {
        Some(DEFAULT_STAGE) => format!("{id}DefaultStage"),
        name => format!("{id}{}Stage", name.unwrap_or_default()),
    };
    if stage == "$default" {
        work.refusals.add(&place, "Stages cannot be named $default for WebSocket APIs.");
    }
    let mut of_stage = found.same(OF_STAGE);
    for (name, _) in of_stage.iter().filter(|(_, value)| !value.is_object()) {
        work.refusals.add(format!("{place}.{name}"), format!("Property '{name}' should be a map."));
    }
    let mut beside = found.derived();
    if of_stage.get("RouteSettings").is_some_and(is_said) {
        // They name the routes.
        beside.insert("DependsOn".to_owned(), Value::from(routes));
    }
    of_stage.insert("ApiId".to_owned(), reference(id));
    of_stage.insert("StageName".to_owned(), stage);
    of_stage.insert("AutoDeploy".to_owned(), Value::Bool(true));
    of_stage.insert("Tags".to_owned(), Value::Object(tags.clone()));
    work.made.add(&stage_id, "AWS::ApiGatewayV2::Stage", of_stage, &beside);
    work.made.refer(id, "Stage", &stage_id);
    stage_id
}

/// What `$connect` is told of who may connect: a kind, and an authorizer's id.
struct Auth {
    kind: String,
    authorizer: Option<String>,
}

fn authorizer(id: &str, given: &Value, found: &Serverless, place: &str, work: &mut Work<'_>) -> Option<Auth> {
    let Some(given) = plain_map(given) else {
        work.refusals.add(place, "Auth is a map");
        return None;
    };
    for name in given.keys().filter(|name| !OF_AUTH.contains(&name.as_str())) {
        refuse(&mut work.refusals, place, name);
    }
    let Some(kind) = said(given, "AuthType").and_then(Value::as_str).map(str::to_uppercase) else {
        work.refusals.add(place, "AuthType must be specified for additional auth configurations.");
        return None;
    };
    if kind != "CUSTOM" {
        if !matches!(kind.as_str(), "AWS_IAM" | "NONE") {
            work.refusals.add(place, "AuthType is not one of AWS_IAM, CUSTOM or NONE.");
        }
        if given.len() > 1 {
            let text = format!("No additional configurations supported for AuthType {kind}.");
            work.refusals.add(place, text);
        }
        return Some(Auth { kind, authorizer: None });
    }
    let Some(function) = said(given, "AuthArn") else {
        work.refusals.add(place, "AuthArn must be specified if AuthType is CUSTOM.");
        return None;
    };
    let name = format!("{id}ConnectAuthorizer");
    let mut made = Map::new();
    let mut set = |name: &str, value: Value| drop(made.insert(name.to_owned(), value));
    set("ApiId", reference(id));
    set("AuthorizerType", Value::from("REQUEST"));
    let uri = format!("{INVOCATION}${{AuthArn}}/invocations");
    set("AuthorizerUri", substituted(&uri, &json!({ "AuthArn": function })));
    set("Name", said(given, "Name").cloned().unwrap_or_else(|| Value::from(name.as_str())));
    for (from, to) in [("InvokeRole", "AuthorizerCredentialsArn"), ("IdentitySource", "IdentitySource")] {
        if let Some(value) = given.get(from) {
            set(to, value.clone());
        }
    }
    let beside = found.derived();
    work.made.add(&name, "AWS::ApiGatewayV2::Authorizer", made, &beside);
    if said(given, "InvokeRole").is_none() {
        let permission = format!("{id}AuthorizerPermission");
        let made = &mut work.made;
        super::authorizer::permit(id, &permission, "${AWS::Partition}", function, &beside, made);
    }
    Some(Auth { kind, authorizer: Some(name) })
}

fn refuse(refusals: &mut Refusals, place: &str, name: &str) {
    let text = "Tule does not apply this property of AWS::Serverless::WebSocketApi yet";
    refusals.add(format!("{place}.{name}"), text);
}

/// A route, what it is integrated with, and the permission to invoke that. Gives the route's id.
#[expect(clippy::too_many_arguments, reason = "a route depends on all of them")]
fn route(
    id: &str,
    key: &str,
    given: &Value,
    stage: &Value,
    auth: Option<&Auth>,
    found: &Serverless,
    place: &str,
    work: &mut Work<'_>,
) -> Option<String> {
    let plain = key.strip_prefix('$').filter(|key| matches!(*key, "connect" | "disconnect" | "default"));
    let plain = plain.or(Some(key)).filter(|key| key.chars().all(|it| it.is_ascii_alphanumeric()));
    let (Some(plain), Some(given)) = (plain, given.as_object()) else {
        let text = "Route key must be alphanumeric. Only $connect, $disconnect, and $default special routes are supported.";
        work.refusals.add(place, text);
        return None;
    };
    let Some(function) = said(given, "FunctionArn") else {
        work.refusals.add(place, "Route must have associated function.");
        return None;
    };
    let (first, rest) = plain.split_at(1.min(plain.len()));
    let base = format!("{id}{}{}", first.to_uppercase(), rest.to_lowercase());
    let mut route = Map::new();
    for (name, value) in given {
        match name.as_str() {
            "FunctionArn" | "IntegrationTimeout" => {}
            name if OF_ROUTE.contains(&name) => drop(route.insert(name.to_owned(), value.clone())),
            name => refuse(&mut work.refusals, place, name),
        }
    }
    if key != CONNECT && said(given, "RequestParameters").is_some() {
        let text = "Request parameters are only supported for the $connect route in WebSocket APIs.";
        work.refusals.add(place, text);
    }
    let (route_id, integration_id) = (format!("{base}Route"), format!("{base}Integration"));
    route.insert("ApiId".to_owned(), reference(id));
    route.insert("RouteKey".to_owned(), Value::from(key));
    let target = json!({ "Fn::Join": ["/", ["integrations", reference(&integration_id)]] });
    route.insert("Target".to_owned(), target);
    if let Some(auth) = auth {
        route.insert("AuthorizationType".to_owned(), Value::from(auth.kind.as_str()));
        route.extend(auth.authorizer.as_ref().map(|id| ("AuthorizerId".to_owned(), reference(id))));
    }
    let beside = found.derived();
    work.made.add(&route_id, "AWS::ApiGatewayV2::Route", route, &beside);
    let integration = integration(id, function, given);
    work.made.add(&integration_id, "AWS::ApiGatewayV2::Integration", integration, &beside);
    let arn =
        format!("arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{id}.ApiId}}/");
    let source = match stage.as_str() {
        Some(stage) => json!({ "Fn::Sub": format!("{arn}{stage}/{key}") }),
        None => substituted(&format!("{arn}${{__StageName__}}/{key}"), &json!({ "__StageName__": stage })),
    };
    let permission = format!("{base}Permission");
    let principal = "apigateway.amazonaws.com";
    work.made.add_permission(&permission, function.clone(), principal, Some(source), &beside);
    Some(route_id)
}

/// What a route is integrated with.
fn integration(id: &str, function: &Value, given: &Map<String, Value>) -> Map<String, Value> {
    let uri = format!("{INVOCATION}${{FunctionArn}}/invocations");
    let mut integration = Map::new();
    integration.insert("ApiId".to_owned(), reference(id));
    integration.insert("IntegrationType".to_owned(), Value::from("AWS_PROXY"));
    let uri = substituted(&uri, &json!({ "FunctionArn": function }));
    integration.insert("IntegrationUri".to_owned(), uri);
    integration.extend(given.get("IntegrationTimeout").map(|it| ("TimeoutInMillis".to_owned(), it.clone())));
    integration
}
