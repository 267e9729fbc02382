//! APIs: what a request costs, by what stands behind its route; and connections that are only open.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    load::Request,
    server::Server,
    workloads::{Bench, text},
};
use crate::Failure;

/// A request's template that reads its body, and a response's that repeats a list.
const REQUEST: &str = "#set($n = 0)\n#foreach($i in $input.path(\"$.items\"))#set($n = $n + $i.v)#end\n\
                       {\"statusCode\": #if($n == 45)200#{else}500#end}";
const RESPONSE: &str = "#set($l = [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"])\n\
                        {\"id\":\"$context.requestId\",\"up\":\"$util.escapeJavaScript(\"it's\")\",\"items\":[#foreach($x in $l){\"name\":\"$x\",\
                        \"idx\":$foreach.index}#if($foreach.hasNext),#end#end]}";
/// As many WebSocket connections are opened.
const SOCKETS: usize = 10_000;

pub(super) fn rows(bench: &Bench<'_>) -> Result<(), Failure> {
    let integration = |kind: &str, uri: &str| json!({ "type": kind, "httpMethod": "POST", "uri": uri, "passthroughBehavior": "when_no_match" });
    let function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/\
                    arn:aws:lambda:us-east-1:000000000000:function:answer/invocations";
    bench.create_function(
        "answer",
        "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ok'}\n",
    )?;
    let echo = format!("http://{}/", bench.echo.address);
    let mock = |request: &str, response: &str| {
        json!({
            "type": "mock",
            "requestTemplates": { "application/json": request },
            "responses": { "default": {
                "statusCode": "200", "responseTemplates": { "application/json": response },
            } },
        })
    };
    let mut paths = json!({
        "/mock": method("get", &mock("{\"statusCode\": 200}", "{\"mocked\": true}")),
        "/vtl": method("post", &mock(REQUEST, RESPONSE)),
        "/http": method("get", &json!({ "type": "http_proxy", "httpMethod": "GET", "uri": echo })),
        "/function": method("get", &integration("aws_proxy", function)),
    });
    let few = api(bench, &paths)?;
    for route in 0..1_000 {
        paths[format!("/routes/{route}/{{id}}")] =
            method("get", &mock("{\"statusCode\": 200}", "{\"mocked\": true}"));
    }
    let many = api(bench, &paths)?;
    let path = |api: &str, path: &str| format!("/restapis/{api}/dev/_user_request_{path}");
    let get =
        |api: &str, below: &str, expected: &str| Request::get(&path(api, below), "").expecting(expected);
    for clients in [1, 64] {
        bench.row("REST API, MOCK", &get(&few, "/mock", "mocked"), clients)?;
    }
    bench.row("REST API, MOCK, among 1,000 routes", &get(&many, "/routes/999/7", "mocked"), 64)?;
    let items: Vec<Value> = (0..10).map(|v| json!({ "v": v })).collect();
    let headers = [("content-type", "application/json")];
    let body = json!({ "items": items }).to_string();
    let templates = Request::new("POST", &path(&few, "/vtl"), "", &headers, &body).expecting("\"idx\":9");
    bench.row("REST API, MOCK with templates", &templates, 64)?;
    bench.row("REST API, Lambda proxy", &get(&few, "/function", "ok"), 16)?;
    let (proxied, bare) = (get(&few, "/http", "ok"), Server::proxy(&bench.echo.address)?);
    for clients in [1, 64] {
        bench.row_beside(&bare, "REST API, HTTP proxy", &proxied, clients)?;
    }
    with_tokens(bench, &echo, &bare)
}

/// A proxy of the echo, without and with a token that is checked.
fn with_tokens(bench: &Bench<'_>, echo: &str, bare: &Server) -> Result<(), Failure> {
    const TOKEN: &str = include_str!("../../../fixtures/tokens/bench.jwt");
    let issuer = format!(
        "file://{}#https://issuer.example",
        crate::root().join("fixtures/tokens/keys.json").display()
    );
    let proxy = json!({
        "type": "http_proxy", "httpMethod": "GET", "uri": echo, "payloadFormatVersion": "1.0",
    });
    let route = |security: &Value| json!({ "get": { "security": security, "x-amazon-apigateway-integration": proxy } });
    let document = json!({
        "openapi": "3.0.1", "info": { "title": "tokens", "version": "1" },
        "paths": { "/open": route(&json!([])), "/jwt": route(&json!([{ "jwt": [] }])) },
        "components": { "securitySchemes": { "jwt": {
            "type": "oauth2",
            "x-amazon-apigateway-authorizer": {
                "type": "jwt", "identitySource": "$request.header.Authorization",
                "jwtConfiguration": { "issuer": issuer, "audience": ["bench"] },
            },
        } } },
    });
    let ask = |method: &str, path: &str, body: &Value| {
        bench.ask(&Request::new(method, path, "apigateway", &[], &body.to_string()))
    };
    let made = ask("PUT", "/v2/apis", &json!({ "body": document.to_string() }))?;
    let id = text(&made, "apiId");
    let stage = json!({ "stageName": "$default", "autoDeploy": true });
    ask("POST", &format!("/v2/apis/{id}/stages"), &stage)?;
    let authorization = format!("Bearer {}", TOKEN.trim());
    for (name, path, headers) in [
        ("HTTP API, HTTP proxy", "open", [].as_slice()),
        ("HTTP API, HTTP proxy behind a JWT", "jwt", &[("authorization", authorization.as_str())]),
    ] {
        let path = format!("/_aws/execute-api/{id}/{path}");
        let request = Request::new("GET", &path, "", headers, "").expecting("ok");
        bench.row_beside(bare, name, &request, 64)?;
    }
    Ok(())
}

/// What connections cost that are open and silent.
pub(super) fn sockets(only: Option<&str>) -> Result<(), Failure> {
    if only.is_some_and(|only| !"sockets".contains(only)) {
        return Ok(());
    }
    let tule = Server::tule()?;
    let ask = |method: &str, path: &str, body: &Value| -> Result<Value, Failure> {
        let request = Request::new(method, path, "apigateway", &[], &body.to_string());
        Ok(serde_json::from_str(&super::load::Connection::open(&tule.address)?.ask(&request)?)?)
    };
    let made = ask(
        "POST",
        "/v2/apis",
        &json!({
            "name": "sockets", "protocolType": "WEBSOCKET",
            "routeSelectionExpression": "$request.body.action",
        }),
    )?;
    let id = text(&made, "apiId");
    let mock = json!({ "integrationType": "MOCK", "requestTemplates": { "200": "{\"statusCode\":200}" } });
    let integration = ask("POST", &format!("/v2/apis/{id}/integrations"), &mock)?;
    let target = format!("integrations/{}", text(&integration, "integrationId"));
    let route = json!({ "routeKey": "$default", "target": target });
    ask("POST", &format!("/v2/apis/{id}/routes"), &route)?;
    let stage = json!({ "stageName": "dev", "autoDeploy": true });
    ask("POST", &format!("/v2/apis/{id}/stages"), &stage)?;
    let before = tule.resident();
    let mut open = Vec::with_capacity(SOCKETS);
    for _ in 0..SOCKETS {
        open.push(upgraded(&tule.address, id)?);
    }
    let grown = tule.resident().saturating_sub(before) / 1024;
    println!("{SOCKETS} WebSocket connections: {grown} MiB");
    Ok(())
}

/// An open WebSocket connection.
fn upgraded(address: &str, api: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let host = format!("{api}.execute-api.localhost");
    let request = format!(
        "GET /dev HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = [0; 1024];
    let count = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer[..count]);
    if answer.starts_with("HTTP/1.1 101") {
        Ok(stream)
    } else {
        Err(format!("no connection: {answer}").into())
    }
}

/// A path with one method.
fn method(verb: &str, integration: &Value) -> Value {
    json!({ verb: {
        "responses": { "200": { "description": "OK" } },
        "x-amazon-apigateway-integration": integration,
    } })
}

/// A deployed API of these paths: its id.
fn api(bench: &Bench<'_>, paths: &Value) -> Result<String, Failure> {
    let document =
        json!({ "openapi": "3.0.1", "info": { "title": "bench", "version": "1" }, "paths": paths });
    let made = bench.ask(&Request::new(
        "POST",
        "/restapis?mode=import",
        "apigateway",
        &[("content-type", "application/json")],
        &document.to_string(),
    ))?;
    let id = text(&made, "id").to_owned();
    let deploy = json!({ "stageName": "dev" }).to_string();
    bench.ask(&Request::new("POST", &format!("/restapis/{id}/deployments"), "apigateway", &[], &deploy))?;
    Ok(id)
}
