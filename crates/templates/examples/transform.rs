//! Templates from the standard input, one a line as `{"template": …, "parameters": {…}, "region": …,
//! "delegated": ["dynamodb"]}`; for each the resources behind its transform, what that refused, and what a deployment
//! would, one a line. It lets other programs compare the transform with AWS's own.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{BufRead as _, Write as _},
};

use serde_json::{Value, json};
use templates::{PseudoParameters, Template};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", transform(&case))?;
    }
    Ok(())
}

fn transform(case: &Value) -> Value {
    let region = case.get("region").and_then(Value::as_str).unwrap_or("us-east-1").to_owned();
    let pseudo = PseudoParameters {
        account: "123456789012".into(),
        region,
        stack: "stack".into(),
        zones: |region| vec![format!("{region}a"), format!("{region}b")],
    };
    let given = case.get("parameters").and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parameters: BTreeMap<String, String> =
        given.map(|(name, value)| (name.clone(), text(value))).collect();
    let template = case.get("template").map(Value::to_string).unwrap_or_default();
    let template = match Template::parse(&template) {
        Ok(template) => template,
        Err(refusals) => return json!({ "refused": lines(&refusals) }),
    };
    // Files beside the template are not there; an empty document stands for each.
    let served = case.get("delegated").and_then(Value::as_array);
    let delegated = |service: &str| served.is_some_and(|served| served.iter().any(|it| it == service));
    let planned = template.plan(&pseudo, &parameters, &|_| Ok("{}".to_owned()), &delegated);
    let planned = planned.err().map(|refusals| lines(&refusals));
    match template.transformed(&pseudo, &parameters) {
        Ok(made) => {
            json!({ "resources": made.resources, "refused": lines(&made.refusals), "unplanned": planned })
        }
        Err(refusals) => json!({ "refused": lines(&refusals), "unplanned": planned }),
    }
}

fn lines(refusals: &templates::Refusals) -> Vec<String> {
    refusals.0.iter().map(|refusal| format!("{}: {}", refusal.place, refusal.message)).collect()
}
