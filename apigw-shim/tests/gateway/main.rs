//! API Gateway from outside: what SDKs call, what deployed APIs answer. Lambda and the other services are scripted.
#![allow(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]
#![allow(clippy::needless_pass_by_value, reason = "tests read better without borrowing what json! makes")]

mod admission;
mod authorizers;
mod control;
mod domains;
mod http_api;
mod integrations;
mod logs;
mod mutual_tls;
mod openapi;
mod openapi_http;
mod openapi_malformed;
mod portals;
mod refusals;
mod rest_api;
mod rig;
mod services;
mod stages;
mod transfer;
mod vpc_links;
mod websocket;
