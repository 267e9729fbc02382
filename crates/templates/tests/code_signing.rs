//! `AWS::Lambda::CodeSigningConfig`: the same template finds the one that it made before.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{call, calls};

const TEMPLATE: &str = "Resources:
  Signing:
    Type: AWS::Lambda::CodeSigningConfig
    Properties:
      Description: d
      Tags: [{ Key: a, Value: b }]
      AllowedPublishers: { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/1'] }
";

#[test]
fn a_code_signing_configuration_is_found_again_and_changed() {
    let made = calls(TEMPLATE);
    let create = call(&made, "CreateCodeSigningConfig");
    let id = create.members["Tags"]["_custom_id_"].as_str().unwrap();
    assert!(id.starts_with("csc-") && id.len() == 21, "{id}");
    assert_eq!(call(&calls(TEMPLATE), "CreateCodeSigningConfig"), create);
    let (code, instead) = &create.otherwise[0];
    assert_eq!((*code, instead[0].operation), ("ResourceConflictException", "UpdateCodeSigningConfig"));
    let arn = instead[0].members["CodeSigningConfigArn"].as_str().unwrap();
    assert!(
        arn.starts_with("arn:aws:lambda:") && arn.ends_with(&format!(":code-signing-config:{id}")),
        "{arn}"
    );
    assert_eq!(instead[0].members["Description"], "d");
    assert_eq!(instead[0].save, create.save);
    assert_eq!(instead[1].members, json!({"Resource": arn, "Tags": {"a": "b"}}));
    // Another description is the same configuration, changed.
    let other = calls(&TEMPLATE.replace("Description: d", "Description: e"));
    assert_eq!(call(&other, "CreateCodeSigningConfig").members["Tags"]["_custom_id_"], id);
}
