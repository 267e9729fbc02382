//! Networks as a client makes them, each answer held against the model.

use runtime::ScriptedRouter;
use serde_json::json;

use super::*;

struct Rig {
    ec2: Ec2,
    ctx: CallContext,
}

fn rig() -> Rig {
    on(&Store::memory())
}

fn on(store: &Store) -> Rig {
    let scope = Scope::new("000000000000", "us-east-1");
    with(store, Functions::default(), scope)
}

/// A Lambda that lists what it is told to have, one on a page.
#[derive(Default)]
struct Functions {
    functions: Vec<Value>,
    providers: Vec<Value>,
}

impl Functions {
    fn page(&self, operation: &str, members: &Map<String, Value>) -> Output {
        let (list, all) = match operation {
            "ListFunctions" => ("Functions", &self.functions),
            _ => ("CapacityProviders", &self.providers),
        };
        let at = members.get("Marker").and_then(Value::as_str).map_or(0, |at| at.parse().unwrap());
        let next = (at + 1 < all.len()).then(|| (at + 1).to_string());
        let page: Vec<_> = all.iter().skip(at).take(1).map(|config| json!({ "VpcConfig": config })).collect();
        Output::of(json!({ list: page, "NextMarker": next }))
    }
}

fn with(store: &Store, functions: Functions, scope: Scope) -> Rig {
    let lambda = ScriptedRouter::new(move |_, service, operation, input| {
        assert_eq!(service, "lambda");
        std::future::ready(Ok(functions.page(operation, &input.members)))
    });
    let ec2 = Ec2::new(store, Arc::new(lambda)).unwrap();
    Rig { ec2, ctx: CallContext::internal(scope, "http://127.0.0.1:4566".into()) }
}

impl Rig {
    async fn call(&self, operation: &str, members: Value) -> Result<Value, ServiceError> {
        let Value::Object(members) = members else { panic!("members are an object") };
        let model = aws_model::service("ec2").expect("it has a model");
        let known = model.operation(operation).expect("the model has it");
        aws_wire::validate(model, known, &members)?;
        let output = self.ec2.call(&self.ctx, operation, Input { members, ..Input::default() }).await?;
        // Members that the model has not would be seen here.
        aws_wire::encode_output(model, known, &output.members, output.status, "id");
        Ok(Value::Object(output.members))
    }

    async fn done(&self, operation: &str, members: Value) -> Value {
        self.call(operation, members).await.unwrap()
    }

    async fn refused(&self, operation: &str, members: Value) -> String {
        let refused = self.call(operation, members).await.unwrap_err();
        format!("{}: {}", refused.code, refused.message)
    }

    async fn vpc(&self) -> String {
        let made = self.done("CreateVpc", json!({"CidrBlock": "10.0.0.0/16"})).await;
        made["Vpc"]["VpcId"].as_str().unwrap().to_owned()
    }

    async fn group(&self, vpc: &str, name: &str) -> String {
        let of = json!({"GroupName": name, "Description": "d", "VpcId": vpc});
        self.done("CreateSecurityGroup", of).await["GroupId"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_account_has_a_default_vpc_in_each_region() {
    let mut rig = rig();
    let vpcs = rig.done("DescribeVpcs", json!({})).await;
    let vpc = &vpcs["Vpcs"][0];
    assert_eq!((vpcs["Vpcs"].as_array().unwrap().len(), &vpc["IsDefault"]), (1, &json!(true)));
    assert_eq!(vpc["CidrBlock"], "172.31.0.0/16");
    let subnets = rig.done("DescribeSubnets", json!({})).await["Subnets"].take();
    let mut blocks: Vec<(&str, &str)> = subnets
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["AvailabilityZone"].as_str().unwrap(), it["CidrBlock"].as_str().unwrap()))
        .collect();
    blocks.sort_unstable();
    assert_eq!((blocks.len(), blocks[1]), (6, ("us-east-1b", "172.31.16.0/20")));
    assert_eq!(subnets[0]["AvailableIpAddressCount"], 4091);
    let groups = rig.done("DescribeSecurityGroups", json!({"GroupNames": ["default"]})).await;
    let group = &groups["SecurityGroups"][0];
    assert_eq!(group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], group["GroupId"]);
    assert_eq!(group["IpPermissionsEgress"][0]["IpRanges"], json!([{"CidrIp": "0.0.0.0/0"}]));
    rig.ctx.scope = Scope::new("000000000000", "eu-west-1");
    let elsewhere = rig.done("DescribeVpcs", json!({})).await;
    assert_ne!(elsewhere["Vpcs"][0]["VpcId"], vpc["VpcId"]);
    assert_eq!(rig.done("DescribeSubnets", json!({})).await["Subnets"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_default_vpc_that_was_deleted_stays_away_until_it_is_asked_for() {
    let (store, folder) =
        (|folder: &tempfile::TempDir| Store::open(folder.path()).unwrap(), tempfile::tempdir());
    let folder = folder.unwrap();
    let rig = on(&store(&folder));
    assert!(rig.refused("CreateDefaultVpc", json!({})).await.starts_with("DefaultVpcAlreadyExists"));
    let subnets = rig.done("DescribeSubnets", json!({})).await["Subnets"].take();
    let vpc = json!({"VpcId": subnets[0]["VpcId"]});
    assert!(rig.refused("DeleteVpc", vpc.clone()).await.starts_with("DependencyViolation"));
    for subnet in subnets.as_array().unwrap() {
        rig.done("DeleteSubnet", json!({"SubnetId": subnet["SubnetId"]})).await;
    }
    rig.done("DeleteVpc", vpc).await;
    let named = json!({"GroupName": "g", "Description": "d"});
    assert!(rig.refused("CreateSecurityGroup", named.clone()).await.starts_with("VPCIdNotSpecified"));
    drop(rig);
    let rig = on(&store(&folder));
    assert_eq!(rig.done("DescribeVpcs", json!({})).await["Vpcs"], json!([]));
    assert_eq!(rig.done("DescribeSecurityGroups", json!({})).await["SecurityGroups"], json!([]));
    rig.done("CreateDefaultVpc", json!({})).await;
    rig.done("CreateSecurityGroup", named).await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let rig = on(&Store::open(folder.path()).unwrap());
    let vpc = rig.vpc().await;
    let group = rig.group(&vpc, "g").await;
    let web =
        json!([{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "IpRanges": [{"CidrIp": "10.1.2.3/8"}]}]);
    rig.done("AuthorizeSecurityGroupIngress", json!({"GroupId": group, "IpPermissions": web})).await;
    rig.done("CreateTags", json!({"Resources": [vpc, group], "Tags": [{"Key": "a", "Value": "b"}]})).await;
    let subnet = rig.done("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24"})).await;
    rig.done(
        "ModifySubnetAttribute",
        json!({"SubnetId": subnet["Subnet"]["SubnetId"], "MapPublicIpOnLaunch": {"Value": true}}),
    )
    .await;
    let mut seen = Vec::new();
    let all = [
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeSecurityGroups",
        "DescribeSecurityGroupRules",
        "DescribeTags",
    ];
    for operation in all {
        seen.push(rig.done(operation, json!({})).await);
    }
    drop(rig);
    let rig = on(&Store::open(folder.path()).unwrap());
    for (operation, before) in all.into_iter().zip(seen) {
        assert_eq!(rig.done(operation, json!({})).await, before, "{operation}");
    }
}

#[tokio::test]
async fn blocks_of_addresses_are_checked() {
    let rig = rig();
    assert_eq!(
        rig.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0"})).await,
        "InvalidParameterValue: Value (10.0.0.0) for parameter cidrBlock is invalid. This is not a valid CIDR block."
    );
    assert_eq!(
        rig.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0/8"})).await,
        "InvalidVpc.Range: The CIDR '10.0.0.0/8' is invalid."
    );
    assert!(rig.refused("CreateVpc", json!({})).await.starts_with("MissingParameter"));
    let six = json!({"CidrBlock": "10.0.0.0/16", "AmazonProvidedIpv6CidrBlock": true});
    assert!(rig.refused("CreateVpc", six).await.contains("AmazonProvidedIpv6CidrBlock"));
    let vpc = rig.vpc().await;
    assert_eq!(vpc.len(), "vpc-".len() + 17);
    let subnet = |cidr: &str| json!({"VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": "us-east-1c"});
    let made = rig.done("CreateSubnet", subnet("10.0.0.7/24")).await["Subnet"].take();
    assert_eq!(
        (&made["CidrBlock"], &made["AvailabilityZoneId"]),
        (&json!("10.0.0.0/24"), &json!("use1-az3"))
    );
    for (cidr, refused) in [
        ("10.0.0.128/25", "InvalidSubnet.Conflict: The CIDR '10.0.0.128/25' conflicts with another subnet"),
        ("10.1.0.0/24", "InvalidSubnet.Range: The CIDR '10.1.0.0/24' is invalid."),
        ("10.0.1.0/29", "InvalidSubnet.Range: The CIDR '10.0.1.0/29' is invalid."),
    ] {
        assert_eq!(rig.refused("CreateSubnet", subnet(cidr)).await, refused);
    }
    let nowhere = json!({"VpcId": "vpc-0123", "CidrBlock": "10.0.9.0/24"});
    assert_eq!(
        rig.refused("CreateSubnet", nowhere).await,
        "InvalidVpcID.NotFound: The vpc ID 'vpc-0123' does not exist"
    );
    let elsewhere = json!({"VpcId": vpc, "CidrBlock": "10.0.9.0/24", "AvailabilityZone": "eu-west-1a"});
    assert!(rig.refused("CreateSubnet", elsewhere).await.contains("zones: us-east-1a, us-east-1b"));
    assert_eq!(
        rig.refused("DescribeSubnets", json!({"SubnetIds": ["subnet-1", "subnet-2"]})).await,
        "InvalidSubnetID.NotFound: The subnet IDs 'subnet-1, subnet-2' do not exist"
    );
    assert_eq!(
        rig.refused("DescribeSecurityGroups", json!({"GroupIds": ["subnet-1"]})).await,
        "InvalidGroupId.Malformed: Invalid id: \"subnet-1\" (expecting \"sg-...\")"
    );
    let asked = rig.refused("CreateVpc", json!({"CidrBlock": "10.0.0.0/16", "DryRun": true})).await;
    assert!(asked.starts_with("DryRunOperation"));
}

#[tokio::test]
async fn attributes_of_a_vpc_are_changed_one_at_a_time() {
    let rig = rig();
    let vpc = rig.vpc().await;
    let of = |name: &str| json!({"VpcId": vpc, "Attribute": name});
    let names = rig.done("DescribeVpcAttribute", of("enableDnsHostnames")).await;
    assert_eq!(names, json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": false}}));
    let change = json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}});
    rig.done("ModifyVpcAttribute", change).await;
    let names = rig.done("DescribeVpcAttribute", of("enableDnsHostnames")).await;
    assert_eq!(names["EnableDnsHostnames"]["Value"], true);
    assert_eq!(
        rig.done("DescribeVpcAttribute", of("enableDnsSupport")).await["EnableDnsSupport"]["Value"],
        true
    );
    let both =
        json!({"VpcId": vpc, "EnableDnsHostnames": {"Value": true}, "EnableDnsSupport": {"Value": true}});
    assert!(rig.refused("ModifyVpcAttribute", both).await.starts_with("InvalidParameterCombination"));
}

#[tokio::test]
async fn groups_keep_their_rules() {
    let rig = rig();
    let vpc = rig.vpc().await;
    let (group, other) = (rig.group(&vpc, "g").await, rig.group(&vpc, "h").await);
    let web = json!({"IpProtocol": "6", "FromPort": 80, "ToPort": 80,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "all"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        "UserIdGroupPairs": [{"GroupId": other}]});
    let add = json!({"GroupId": group, "IpPermissions": [web]});
    let made = rig.done("AuthorizeSecurityGroupIngress", add.clone()).await;
    assert_eq!(made["SecurityGroupRules"].as_array().unwrap().len(), 3);
    assert_eq!(made["SecurityGroupRules"][0]["Description"], "all");
    let shown =
        rig.done("DescribeSecurityGroups", json!({"GroupIds": [group]})).await["SecurityGroups"].take();
    let permissions = shown[0]["IpPermissions"].as_array().unwrap();
    assert_eq!((permissions.len(), &permissions[0]["IpProtocol"]), (1, &json!("tcp")));
    assert_eq!(permissions[0]["Ipv6Ranges"], json!([{"CidrIpv6": "::/0"}]));
    assert_eq!(
        rig.refused("AuthorizeSecurityGroupIngress", add).await,
        "InvalidPermission.Duplicate: the specified rule \"peer: 0.0.0.0/0, TCP, from port: 80, to port: 80, ALLOW\" \
         already exists"
    );
    assert_eq!(
        rig.refused("DeleteSecurityGroup", json!({"GroupId": other})).await,
        format!("DependencyViolation: resource {other} has a dependent object")
    );
    let rules = json!({"Filters": [{"Name": "group-id", "Values": [group]}]});
    let listed = rig.done("DescribeSecurityGroupRules", rules).await["SecurityGroupRules"].take();
    assert_eq!(listed.as_array().unwrap().len(), 4, "with the one that lets everything out");
    let id = &made["SecurityGroupRules"][2]["SecurityGroupRuleId"];
    let revoke = json!({"GroupId": group, "SecurityGroupRuleIds": [id]});
    let revoked = rig.done("RevokeSecurityGroupIngress", revoke).await;
    assert_eq!(revoked["RevokedSecurityGroupRules"][0]["ReferencedGroupId"], json!(other));
    let out = json!({"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]});
    rig.done("RevokeSecurityGroupEgress", out.clone()).await;
    assert!(rig.refused("RevokeSecurityGroupEgress", out).await.starts_with("InvalidPermission.NotFound"));
    rig.done("DeleteSecurityGroup", json!({"GroupId": other})).await;
    assert!(rig.refused("DeleteVpc", json!({"VpcId": vpc})).await.starts_with("DependencyViolation"));
    rig.done("DeleteSecurityGroup", json!({"GroupId": group})).await;
    rig.done("DeleteVpc", json!({"VpcId": vpc})).await;
    let left = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}]});
    assert_eq!(rig.done("DescribeSecurityGroups", left).await["SecurityGroups"], json!([]));
}

#[tokio::test]
async fn groups_and_rules_are_checked() {
    let rig = rig();
    let vpc = rig.vpc().await;
    let group = rig.group(&vpc, "g").await;
    let named =
        |name: &str, description: &str| json!({"GroupName": name, "Description": description, "VpcId": vpc});
    for (members, refused) in [
        (
            named("g", "d"),
            format!("InvalidGroup.Duplicate: The security group 'g' already exists for VPC '{vpc}'"),
        ),
        (
            named("default", "d"),
            String::from("InvalidParameterValue: Cannot use reserved security group name: default"),
        ),
        (
            named("sg-1", "d"),
            String::from(
                "InvalidParameterValue: Value (sg-1) for parameter GroupName is invalid. Group names may not be in the format sg-*",
            ),
        ),
        (
            named("x", "ü"),
            String::from(
                "InvalidParameterValue: Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
            ),
        ),
    ] {
        assert_eq!(rig.refused("CreateSecurityGroup", members).await, refused);
    }
    let default =
        json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["def*"]}]});
    let default = rig.done("DescribeSecurityGroups", default).await["SecurityGroups"][0]["GroupId"].take();
    assert!(
        rig.refused("DeleteSecurityGroup", json!({"GroupId": default})).await.starts_with("CannotDelete")
    );
    let rule = |extra: Value| {
        let mut rule =
            json!({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "1.2.3.4/32"}]});
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"GroupId": group, "IpPermissions": [rule]})
    };
    for (extra, refused) in [
        (json!({"IpProtocol": "tpc"}), "Invalid value 'tpc' for IP protocol. Unknown protocol."),
        (
            json!({"FromPort": null}),
            "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.",
        ),
        (json!({"ToPort": 70000}), "TCP/UDP port (70000) out of range"),
        (json!({"FromPort": 3}), "Invalid TCP/UDP port range (3:2)"),
        (json!({"IpRanges": [{"CidrIp": "1.2.3.4"}]}), "CIDR block 1.2.3.4 is malformed"),
        (
            json!({"IpRanges": [{"CidrIp": "1.2.3.4/8"}, {"CidrIp": "1.0.0.0/8"}]}),
            "The same permission must not appear multiple times",
        ),
    ] {
        let told = rig.refused("AuthorizeSecurityGroupIngress", rule(extra)).await;
        assert_eq!(told, format!("InvalidParameterValue: {refused}"));
    }
    let nobody = json!({"IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-1"}]});
    assert!(
        rig.refused("AuthorizeSecurityGroupIngress", rule(nobody)).await.starts_with("InvalidGroup.NotFound")
    );
    let foreign = rig.group(&rig.vpc().await, "f").await;
    let pair = json!({"IpRanges": [], "UserIdGroupPairs": [{"GroupId": foreign}]});
    assert!(rig.refused("AuthorizeSecurityGroupIngress", rule(pair)).await.contains("different networks"));
    let ranges: Vec<Value> = (0..61).map(|at| json!({"CidrIp": format!("10.0.0.{at}/32")})).collect();
    let many = rig.refused("AuthorizeSecurityGroupIngress", rule(json!({"IpRanges": ranges}))).await;
    assert!(many.starts_with("RulesPerSecurityGroupLimitExceeded"));
    let shown = rig.done("DescribeSecurityGroups", json!({"GroupIds": [group]})).await;
    assert_eq!(shown["SecurityGroups"][0]["IpPermissions"], json!([]), "what was refused changed nothing");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let rig = rig();
    let vpc = rig.vpc().await;
    for at in 0..12 {
        let tags =
            json!([{"ResourceType": "subnet", "Tags": [{"Key": "n", "Value": format!("{}", at % 2)}]}]);
        let of = json!({"VpcId": vpc, "CidrBlock": format!("10.0.{at}.0/24"), "TagSpecifications": tags});
        rig.done("CreateSubnet", of).await;
    }
    let mut ask = json!({"MaxResults": 5, "Filters": [{"Name": "tag:n", "Values": ["1"]}, {"Name": "vpc-id", "Values": [vpc]}]});
    let first = rig.done("DescribeSubnets", ask.clone()).await;
    assert_eq!(first["Subnets"].as_array().unwrap().len(), 5);
    ask["NextToken"] = first["NextToken"].clone();
    let second = rig.done("DescribeSubnets", ask.clone()).await;
    assert_eq!(second["Subnets"].as_array().unwrap().len(), 1);
    assert_eq!(second.get("NextToken"), None);
    ask["NextToken"] = json!("rubbish");
    assert!(rig.refused("DescribeSubnets", ask).await.starts_with("InvalidNextToken"));
    let unknown = json!({"Filters": [{"Name": "colour", "Values": ["red"]}]});
    assert_eq!(
        rig.refused("DescribeVpcs", unknown).await,
        "InvalidParameterValue: The filter 'colour' is invalid"
    );
    let tags = rig.done("DescribeTags", json!({"MaxResults": 7})).await;
    assert_eq!(tags["Tags"].as_array().unwrap().len(), 7);
    let rest = rig.done("DescribeTags", json!({"NextToken": tags["NextToken"]})).await;
    assert_eq!(rest["Tags"].as_array().unwrap().len(), 5);
    let both = json!({"SubnetIds": [rest["Tags"][0]["ResourceId"]], "MaxResults": 5});
    assert!(rig.refused("DescribeSubnets", both).await.starts_with("InvalidParameterCombination"));
}

#[tokio::test]
async fn tags_are_put_and_taken() {
    let rig = rig();
    let vpc = rig.vpc().await;
    let group = rig.group(&vpc, "g").await;
    let rule =
        json!({"GroupId": group, "IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "CidrIp": "0.0.0.0/0"});
    let made = rig.done("AuthorizeSecurityGroupIngress", rule).await;
    let rule = &made["SecurityGroupRules"][0]["SecurityGroupRuleId"];
    let of = |tags: Value| json!({"Resources": [vpc, group, rule], "Tags": tags});
    rig.done("CreateTags", of(json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]))).await;
    rig.done("DeleteTags", of(json!([{"Key": "a"}, {"Key": "b", "Value": "other"}]))).await;
    let tags = rig.done("DescribeTags", json!({})).await["Tags"].take();
    let kinds: Vec<_> = tags.as_array().unwrap().iter().map(|it| (&it["ResourceType"], &it["Key"])).collect();
    let b = json!("b");
    assert_eq!(
        kinds,
        [(&json!("security-group"), &b), (&json!("security-group-rule"), &b), (&json!("vpc"), &b)]
    );
    rig.done("DeleteTags", json!({"Resources": [vpc]})).await;
    assert_eq!(rig.done("DescribeTags", json!({})).await["Tags"].as_array().unwrap().len(), 2);
    let unknown = json!({"Resources": [vpc, "igw-1"], "Tags": [{"Key": "x", "Value": ""}]});
    assert_eq!(rig.refused("CreateTags", unknown).await, "InvalidID: The ID 'igw-1' is not valid");
    let many: Vec<Value> = (0..51).map(|at| json!({"Key": format!("k{at}"), "Value": ""})).collect();
    assert!(rig.refused("CreateTags", of(json!(many))).await.starts_with("TagLimitExceeded"));
    assert_eq!(rig.done("DescribeTags", json!({})).await["Tags"].as_array().unwrap().len(), 2);
    let other = json!([{"ResourceType": "subnet", "Tags": []}]);
    let other = json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": other});
    assert!(rig.refused("CreateVpc", other).await.contains("not a valid taggable resource type"));
}

#[tokio::test]
async fn an_id_can_be_chosen_once() {
    let rig = rig();
    let tags = |id: &str| json!([{"ResourceType": "vpc", "Tags": [{"Key": "_custom_id_", "Value": id}]}]);
    let of = |id: &str| json!({"CidrBlock": "10.0.0.0/16", "TagSpecifications": tags(id)});
    assert_eq!(rig.done("CreateVpc", of("vpc-mine")).await["Vpc"]["VpcId"], "vpc-mine");
    assert!(rig.refused("CreateVpc", of("vpc-mine")).await.starts_with("InvalidVpc.DuplicateCustomId"));
    assert!(rig.refused("CreateVpc", of("mine")).await.starts_with("InvalidVpcID.Malformed"));
}

#[tokio::test]
async fn changes_side_by_side_are_all_kept() {
    let rig = rig();
    let vpc = rig.vpc().await;
    let make = |at: usize| {
        rig.call("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": format!("10.0.{}.0/24", at % 2)}))
    };
    let made: [_; 4] = tokio::join!(make(0), make(1), make(2), make(3)).into();
    assert_eq!(made.iter().filter(|it| it.is_ok()).count(), 2, "the others conflict");
}

#[tokio::test]
async fn zones_are_those_of_the_region() {
    let rig = rig();
    let shown = rig.done("DescribeAvailabilityZones", json!({"ZoneNames": ["us-east-1b"]})).await;
    assert_eq!(shown["AvailabilityZones"][0]["ZoneId"], "use1-az2");
    let state = json!({"Filters": [{"Name": "state", "Values": ["available"]}]});
    let shown = rig.done("DescribeAvailabilityZones", state).await;
    assert_eq!(shown["AvailabilityZones"].as_array().unwrap().len(), 6);
    let unknown = rig.refused("DescribeAvailabilityZones", json!({"ZoneNames": ["us-east-1z"]})).await;
    assert_eq!(unknown, "InvalidParameterValue: Invalid availability zone: [us-east-1z]");
}

#[tokio::test]
async fn what_functions_are_in_stays() {
    let store = Store::memory();
    let rig = on(&store);
    let vpc = rig.vpc().await;
    let mut subnets = Vec::new();
    for block in ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"] {
        let made = rig.done("CreateSubnet", json!({"VpcId": vpc, "CidrBlock": block})).await;
        subnets.push(made["Subnet"]["SubnetId"].as_str().unwrap().to_owned());
    }
    let made =
        rig.done("CreateSecurityGroup", json!({"GroupName": "g", "Description": "d", "VpcId": vpc})).await;
    let group = made["GroupId"].as_str().unwrap().to_owned();
    // It is the second function, or a capacity provider, that has them.
    let functions = Functions {
        functions: vec![Value::Null, json!({"SubnetIds": [subnets[0]], "SecurityGroupIds": [group]})],
        providers: vec![json!({"SubnetIds": [subnets[1]], "SecurityGroupIds": []})],
    };
    let scope = rig.ctx.scope.clone();
    drop(rig);
    let rig = with(&store, functions, scope);
    for subnet in &subnets[..2] {
        assert_eq!(
            rig.refused("DeleteSubnet", json!({"SubnetId": subnet})).await,
            format!("DependencyViolation: The subnet '{subnet}' has dependencies and cannot be deleted.")
        );
    }
    assert_eq!(
        rig.refused("DeleteSecurityGroup", json!({"GroupId": group})).await,
        format!("DependencyViolation: resource {group} has a dependent object")
    );
    rig.done("DeleteSubnet", json!({"SubnetId": subnets[2]})).await;
    let left = rig.done("DescribeSubnets", json!({"SubnetIds": [subnets[0], subnets[1]]})).await;
    assert_eq!(left["Subnets"].as_array().unwrap().len(), 2);
}
