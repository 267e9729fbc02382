//! A document's base path, and what is to become of it.

use aws_wire::ServiceError;
use serde_json::{Map, Value};

use super::{BasePath, Version};
use crate::{
    error::bad_request,
    openapi::{object, text},
};

/// Reads the parameter `basepath`.
pub(crate) fn parse(asked: &str) -> Result<BasePath, ServiceError> {
    match asked.to_ascii_lowercase().as_str() {
        "ignore" => Ok(BasePath::Ignore),
        "prepend" => Ok(BasePath::Prepend),
        "split" => Ok(BasePath::Split),
        _ => Err(bad_request(format!(
            "Invalid basepath parameter specified: {asked}. Valid options are ignore, prepend, split"
        ))),
    }
}

/// What all paths are below: empty, or `/a/b`.
pub(super) fn of(document: &Map<String, Value>, version: Version, asked: BasePath) -> String {
    let whole = match version {
        Version::Swagger2 => text(document, "basePath").unwrap_or_default(),
        Version::OpenApi3 => of_server(document),
    };
    let whole = whole.trim_matches('/');
    let kept = match asked {
        BasePath::Ignore => "",
        BasePath::Prepend => whole,
        BasePath::Split => whole.split_once('/').map_or("", |(_, rest)| rest),
    };
    if kept.is_empty() { String::new() } else { format!("/{kept}") }
}

/// The same of an OpenAPI 3.0 document.
pub(crate) fn of_openapi(document: &Map<String, Value>, asked: BasePath) -> String {
    of(document, Version::OpenApi3, asked)
}

/// A variable `basePath` is the base path, even where the server's URL does not name it.
fn of_server(document: &Map<String, Value>) -> String {
    let server = document.get("servers").and_then(|servers| servers.get(0)).and_then(Value::as_object);
    let Some(server) = server else { return String::new() };
    let variables = object(server, "variables");
    let default =
        |name: &str| variables?.get(name)?.as_object().and_then(|variable| text(variable, "default"));
    if let Some(base) = default("basePath") {
        return base;
    }
    let url = text(server, "url").unwrap_or_default();
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => &url,
    };
    let names = variables.into_iter().flatten().map(|(name, _)| name);
    names.fold(path.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), &default(name).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base(document: &Value, asked: BasePath) -> String {
        let version = if document.get("swagger").is_some() { Version::Swagger2 } else { Version::OpenApi3 };
        of(document.as_object().unwrap(), version, asked)
    }

    #[test]
    fn base_paths_are_ignored_prepended_or_split() {
        let swagger = json!({"swagger": "2.0", "basePath": "/a/b/"});
        assert_eq!(base(&swagger, BasePath::Ignore), "");
        assert_eq!(base(&swagger, BasePath::Prepend), "/a/b");
        assert_eq!(base(&swagger, BasePath::Split), "/b");
        let server = |server: Value| json!({"openapi": "3.0.1", "servers": [server]});
        let variable = json!({"url": "https://x", "variables": {"basePath": {"default": "/v"}}});
        assert_eq!(base(&server(variable), BasePath::Prepend), "/v");
        let url = json!({"url": "https://x/{stage}/c/", "variables": {"stage": {"default": "dev"}}});
        assert_eq!(base(&server(url.clone()), BasePath::Prepend), "/dev/c");
        assert_eq!(base(&server(url), BasePath::Split), "/c");
        assert_eq!(base(&json!({"openapi": "3.0.1"}), BasePath::Split), "");
    }
}
