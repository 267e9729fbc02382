//! Runtimes by their identifiers: which are known, and what kind of program runs them.

use aws_wire::ServiceError;

use crate::error;

/// What runs a function's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Python,
    Node,
    Provided,
    /// Java, .NET and Ruby: their own images run them, there is no interpreter of ours.
    Other,
    /// A container image of the user's, which brings its own.
    Image,
}

/// A runtime identifier taken apart: `python3.12` is Python, 3.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Runtime {
    pub(crate) family: Family,
    /// `3.12`, `22`, `al2023`: the version, as image tags have it.
    pub(crate) version: String,
    /// `python`, `nodejs`, `provided`, `java`, …: the image's name.
    pub(crate) image: &'static str,
}

/// The runtimes AWS names in the error for an unknown one, in its order.
const NAMED_IN_ERRORS: &str = "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, \
     python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, \
     dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2";

/// Runtimes that functions are not created with any more.
const DEPRECATED: [&str; 21] = [
    "nodejs",
    "nodejs4.3",
    "nodejs4.3-edge",
    "nodejs6.10",
    "nodejs8.10",
    "nodejs10.x",
    "nodejs12.x",
    "nodejs14.x",
    "java8",
    "python2.7",
    "python3.6",
    "python3.7",
    "dotnetcore1.0",
    "dotnetcore2.0",
    "dotnetcore2.1",
    "dotnetcore3.1",
    "go1.x",
    "ruby2.5",
    "ruby2.7",
    "provided",
    "dotnet5.0",
];

/// Checks a runtime identifier. Versions newer than this list are taken by their pattern: AWS adds some every year.
pub(crate) fn parse(identifier: &str) -> Result<Runtime, ServiceError> {
    if DEPRECATED.contains(&identifier) {
        return Err(error::invalid_parameter(format!(
            "The runtime parameter of {identifier} is no longer supported for creating or updating AWS Lambda functions. \
             We recommend you use a supported runtime while creating or updating functions."
        )));
    }
    known(identifier).ok_or_else(|| {
        error::invalid_parameter(format!(
            "Value {identifier} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \
             [{NAMED_IN_ERRORS}] or be a valid ARN"
        ))
    })
}

/// Whether AWS makes snapshots of functions of this runtime: Java from 11, Python from 3.12, .NET from 8.
pub(crate) fn has_snap_start(identifier: &str) -> bool {
    let Some(runtime) = known(identifier) else { return false };
    let mut numbers = runtime.version.split('.').map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match runtime.image {
        "java" => major >= 11,
        "python" => minor >= 12,
        "dotnet" => major >= 8,
        _ => false,
    }
}

/// What runs a container image.
pub(crate) fn of_image() -> Runtime {
    Runtime { family: Family::Image, version: String::new(), image: "image" }
}

/// Every runtime AWS ever named, as it lists them in the error for a filter of layers, in its order.
const EVER_NAMED: &str = "ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, \
     dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, \
     dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, \
     provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, \
     nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, \
     nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7";

/// Checks the runtime that listed layers must suit: any that ever was.
pub(crate) fn parse_filter(identifier: &str) -> Result<(), ServiceError> {
    if known(identifier).is_some() || EVER_NAMED.split(", ").any(|named| named == identifier) {
        return Ok(());
    }
    Err(ServiceError::validation(format!(
        "1 validation error detected: Value '{identifier}' at 'compatibleRuntime' failed to satisfy constraint: Member \
         must satisfy enum value set: [{EVER_NAMED}]"
    )))
}

/// The runtime of an identifier, if it is one.
pub(crate) fn known(identifier: &str) -> Option<Runtime> {
    let runtime = |family, image, version: &str| Runtime { family, version: version.to_owned(), image };
    let numbers =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if let Some(version) = identifier.strip_prefix("python") {
        return (version.starts_with("3.") && numbers(version))
            .then(|| runtime(Family::Python, "python", version));
    }
    if let Some(version) = identifier.strip_prefix("nodejs") {
        let version = version.strip_suffix(".x")?;
        return numbers(version).then(|| runtime(Family::Node, "nodejs", version));
    }
    if let Some(version) = identifier.strip_prefix("provided.") {
        return matches!(version, "al2" | "al2023").then(|| runtime(Family::Provided, "provided", version));
    }
    for (prefix, image) in [("java", "java"), ("dotnet", "dotnet"), ("ruby", "ruby")] {
        if let Some(version) = identifier.strip_prefix(prefix) {
            let plain =
                version.strip_suffix(".al2").or_else(|| version.strip_suffix(".al2023")).unwrap_or(version);
            return numbers(plain).then(|| runtime(Family::Other, image, version));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_made_of_some_runtimes() {
        for identifier in
            ["java11", "java21", "java17.al2023", "python3.12", "python3.14", "dotnet8", "dotnet10"]
        {
            assert!(has_snap_start(identifier), "{identifier}");
        }
        for identifier in ["java8.al2", "python3.11", "nodejs22.x", "provided.al2023", "ruby3.4", "dotnet6"] {
            assert!(!has_snap_start(identifier), "{identifier}");
        }
    }

    #[test]
    fn deprecated_runtimes_are_refused_in_awss_words() {
        for identifier in DEPRECATED {
            let refused = parse(identifier).unwrap_err().message;
            assert!(
                refused.starts_with(&format!("The runtime parameter of {identifier} is no longer")),
                "{refused}"
            );
        }
        for identifier in
            ["python3.8", "nodejs16.x", "java8.al2", "dotnet6", "ruby3.2", "java17.al2023", "ruby4.0"]
        {
            assert!(parse(identifier).is_ok(), "{identifier}");
        }
    }

    #[test]
    fn identifiers_are_read_by_pattern() {
        assert_eq!(known("python3.15").unwrap().family, Family::Python);
        assert_eq!(known("nodejs26.x").unwrap().version, "26");
        assert_eq!(known("provided.al2023").unwrap().version, "al2023");
        assert_eq!(known("java8.al2").unwrap().image, "java");
        for unknown in
            ["PYTHON3.9", "non-existent-runtime", "nodejs20", "provided.x", "python2.7", "python3.", ""]
        {
            assert_eq!(known(unknown), None, "{unknown}");
        }
    }
}
