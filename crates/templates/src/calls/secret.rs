//! `AWS::SecretsManager::Secret`.

use serde_json::{Value, json};

use super::{
    Call, Named,
    fields::{
        Field,
        Shape::{Flag, Number, One, Plain, Text},
        members, same,
    },
    saved, tag_list,
};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["Description", "GenerateSecretString", "KmsKeyId", "Name", "SecretString", "Tags"];

const SECRET: &[Field] = &[
    same("Description", Text),
    same(
        "GenerateSecretString",
        One(&[
            same("ExcludeCharacters", Text),
            same("ExcludeLowercase", Flag),
            same("ExcludeNumbers", Flag),
            same("ExcludePunctuation", Flag),
            same("ExcludeUppercase", Flag),
            same("GenerateStringKey", Text),
            same("IncludeSpace", Flag),
            same("PasswordLength", Number),
            same("RequireEachIncludedType", Flag),
            same("SecretStringTemplate", Text),
        ]),
    ),
    same("KmsKeyId", Text),
    same("Name", Text),
    same("SecretString", Text),
    same("Tags", Plain),
];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let mut create = members(SECRET, resource.properties, &[], &place)?;
    let name = resource.name("Name");
    let tags = tag_list(create.shift_remove("Tags").as_ref());
    let generate = create.shift_remove("GenerateSecretString");
    create.insert("Name".to_owned(), Value::from(name.as_str()));
    // A secret that is there keeps what was generated for it; what the template spells out is put again.
    let mut update = create.clone();
    update.shift_remove("Name");
    update.insert("SecretId".to_owned(), Value::from(name.as_str()));
    let mut calls = Vec::new();
    if let Some(Value::Object(mut ask)) = generate {
        if create.contains_key("SecretString") {
            let place = format!("{place}.GenerateSecretString");
            return Err(Refusals::one(place, "a secret is given or generated, not both"));
        }
        let template = ask.shift_remove("SecretStringTemplate");
        let key = ask.shift_remove("GenerateStringKey");
        let value = match (template, key) {
            (None, None) => saved("password"),
            (Some(Value::String(template)), Some(Value::String(key)))
                if serde_json::from_str::<serde_json::Map<String, Value>>(&template).is_ok() =>
            {
                json!({ "$entered": { "into": template, "key": key, "value": saved("password") } })
            }
            _ => {
                let place = format!("{place}.GenerateSecretString");
                let text = "SecretStringTemplate, a map in JSON, and GenerateStringKey go together";
                return Err(Refusals::one(place, text));
            }
        };
        create.insert("SecretString".to_owned(), value);
        let password = Call::new("secretsmanager", "GetRandomPassword", Value::Object(ask));
        calls.push(password.saving(&[("password", "/RandomPassword")]));
    }
    if !tags.is_empty() {
        create.insert("Tags".to_owned(), Value::Array(tags.clone()));
    }
    let save = [("arn", "/ARN")];
    let mut instead = vec![Call::new("secretsmanager", "UpdateSecret", Value::Object(update)).saving(&save)];
    if !tags.is_empty() {
        let members = json!({ "SecretId": name, "Tags": tags });
        instead.push(Call::new("secretsmanager", "TagResource", members));
    }
    let create = Call::new("secretsmanager", "CreateSecret", Value::Object(create)).saving(&save);
    calls.push(create.or_if("ResourceExistsException", instead));
    Ok(calls)
}
