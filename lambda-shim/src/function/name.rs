//! What a caller may write for a function: a name, a partial ARN or an ARN, with or without a qualifier.

use aws_wire::ServiceError;
use runtime::Scope;

use crate::error;

/// A version's name while it can change.
pub(crate) const LATEST: &str = "$LATEST";

/// The version of functions on managed instances that is published anew instead of being numbered.
pub(crate) const LATEST_PUBLISHED: &str = "$LATEST.PUBLISHED";

/// A function as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionRef {
    /// Where it is: the account that the text names, else the one that asks.
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
}

impl FunctionRef {
    /// Reads `function` and a `qualifier` given beside it, for a request to `scope`.
    ///
    /// The text has passed the model's pattern, which admits `arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER`
    /// with every part before the name optional.
    pub(crate) fn parse(
        scope: &Scope,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let Named { region, account, name, qualifier: derived } = split(function);
        if let Some(region) = region
            && region != &*scope.region
        {
            return Err(error::not_found(format!(
                "Functions from '{region}' are not reachable in this region ('{}')",
                scope.region
            )));
        }
        match (derived, qualifier) {
            (Some(derived), Some(given)) if derived != given => Err(error::invalid_parameter(
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            (derived, given) => Ok(Self {
                scope: account.map_or_else(|| scope.clone(), |account| Scope::new(account, &scope.region)),
                name: name.to_owned(),
                qualifier: derived.or(given).map(str::to_owned),
            }),
        }
    }

    /// The ARN of what is named, with its qualifier if it has one.
    pub(crate) fn arn(&self) -> String {
        arn(&self.scope, &self.name, self.qualifier.as_deref())
    }
}

/// The ARN of a function, a version or an alias.
pub(crate) fn arn(scope: &Scope, name: &str, qualifier: Option<&str>) -> String {
    match qualifier {
        Some(qualifier) => scope.arn("lambda", &["function:", name, ":", qualifier].concat()),
        None => scope.arn("lambda", &["function:", name].concat()),
    }
}

/// The parts that a text names.
struct Named<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
    qualifier: Option<&'a str>,
}

/// The parts of any form.
fn split(text: &str) -> Named<'_> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let (mut region, mut account) = (None, None);
    if parts.len() > 3 && parts[0] == "arn" {
        parts.drain(..3);
    }
    if parts.len() > 1 && is_region(parts[0]) {
        region = Some(parts.remove(0));
    }
    if parts.len() > 1 && parts[0].len() == 12 && parts[0].bytes().all(|byte| byte.is_ascii_digit()) {
        account = Some(parts.remove(0));
    }
    // `function` alone is a name: `arn:aws:lambda:us-east-1:111111111111:function` names the function "function".
    if parts.len() > 1 && parts[0] == "function" {
        parts.remove(0);
    }
    Named { region, account, name: parts.first().copied().unwrap_or(text), qualifier: parts.get(1).copied() }
}

fn is_region(part: &str) -> bool {
    let mut pieces = part.split('-');
    let letters = |piece: Option<&str>| {
        piece.is_some_and(|piece| !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_lowercase()))
    };
    letters(pieces.next())
        && letters(pieces.next())
        && part
            .rsplit('-')
            .next()
            .is_some_and(|last| last.len() == 1 && last.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(function: &str, qualifier: Option<&str>) -> Result<(String, Option<String>), String> {
        FunctionRef::parse(&Scope::new("000000000000", "us-east-1"), function, qualifier)
            .map(|found| (found.name, found.qualifier))
            .map_err(|error| error.message)
    }

    #[test]
    fn every_form_names_the_same_function() {
        for form in [
            "f",
            "function:f",
            "000000000000:f",
            "000000000000:function:f",
            "us-east-1:000000000000:function:f",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
        ] {
            assert_eq!(parse(form, None), Ok((String::from("f"), None)), "{form}");
            assert_eq!(
                parse(&format!("{form}:live"), None),
                Ok((String::from("f"), Some(String::from("live")))),
                "{form}"
            );
        }
        assert_eq!(parse("arn:aws:lambda:us-east-1:000000000000:function", None).unwrap().0, "function");
        assert_eq!(parse("f", Some("1")).unwrap().1.as_deref(), Some("1"));
    }

    #[test]
    fn an_account_in_the_text_is_where_the_function_is() {
        let here = Scope::new("000000000000", "us-east-1");
        for form in ["111111111111:f", "arn:aws:lambda:us-east-1:111111111111:function:f"] {
            let named = FunctionRef::parse(&here, form, None).unwrap();
            assert_eq!(named.arn(), "arn:aws:lambda:us-east-1:111111111111:function:f", "{form}");
        }
        assert_eq!(FunctionRef::parse(&here, "f", None).unwrap().scope, here);
    }

    #[test]
    fn qualifiers_must_agree_and_regions_must_be_here() {
        assert!(parse("f:1", Some("2")).unwrap_err().starts_with("The derived qualifier"));
        assert_eq!(parse("f:1", Some("1")).unwrap().1.as_deref(), Some("1"));
        assert_eq!(
            parse("arn:aws:lambda:eu-central-1:000000000000:function:f", None).unwrap_err(),
            "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')"
        );
    }
}
