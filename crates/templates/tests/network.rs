//! VPCs, subnets and security groups: which calls make them.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{call, calls, planned};

const NETWORK: &str = "Resources:
  Net:
    Type: AWS::EC2::VPC
    Properties: { CidrBlock: 10.0.0.0/16, EnableDnsHostnames: 'true', Tags: [{ Key: Name, Value: n }] }
  Inner:
    Type: AWS::EC2::Subnet
    Properties: { VpcId: !Ref Net, CidrBlock: 10.0.1.0/24, MapPublicIpOnLaunch: false }
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: d
      VpcId: !GetAtt Net.VpcId
      SecurityGroupIngress: [{ IpProtocol: tcp, FromPort: '443', ToPort: 443, CidrIp: 10.0.0.0/16, Description: in }]
      SecurityGroupEgress: [{ IpProtocol: -1, CidrIpv6: '::/0' }]
  Self:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: { GroupId: !Ref Group, IpProtocol: '-1', SourceSecurityGroupId: !GetAtt Group.GroupId }
";

#[test]
fn a_network_is_made_and_found_again_by_ids_that_follow_from_it() {
    let made = calls(NETWORK);
    let create = call(&made, "CreateVpc");
    let tags = &create.members["TagSpecifications"][0]["Tags"];
    let id = tags[1]["Value"].as_str().unwrap();
    assert_eq!(tags[0], json!({"Key": "Name", "Value": "n"}));
    assert!(id.starts_with("vpc-0") && id.len() == 21, "{id}");
    let (code, instead) = &create.otherwise[0];
    assert_eq!((*code, &instead[0].members), ("InvalidVpc.DuplicateCustomId", &json!({"VpcIds": [id]})));
    let change = json!({"VpcId": {"$saved": "id"}, "EnableDnsHostnames": {"Value": true}});
    assert_eq!(call(&made, "ModifyVpcAttribute").members, change);
    assert_eq!(call(&made, "CreateSubnet").members["VpcId"], "Net.id");
    assert_eq!(call(&made, "CreateSecurityGroup").members["GroupName"], "s-Group");
    let again = calls(NETWORK);
    assert_eq!(call(&again, "CreateVpc"), create, "the same template makes the same");
    let wider = calls(&NETWORK.replace("10.0.0.0/16, E", "10.0.0.0/17, E"));
    assert_ne!(
        call(&wider, "CreateVpc").members["TagSpecifications"],
        create.members["TagSpecifications"],
        "another block is another VPC"
    );
}

#[test]
fn rules_are_added_to_their_group() {
    let made = calls(NETWORK);
    let added: Vec<_> = made.iter().filter(|it| it.operation == "AuthorizeSecurityGroupIngress").collect();
    assert_eq!(
        added[0].members["IpPermissions"],
        json!([{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
            "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "in"}]}])
    );
    assert_eq!(
        added[1].members,
        json!({"GroupId": "Group.id", "IpPermissions": [
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "Group.id"}]}]})
    );
    let out = &call(&made, "AuthorizeSecurityGroupEgress").members["IpPermissions"];
    assert_eq!(*out, json!([{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]));
    let order = |operation: &str| made.iter().position(|it| it.operation == operation);
    assert!(order("RevokeSecurityGroupEgress") < order("AuthorizeSecurityGroupEgress"));
}

#[test]
fn the_rest_of_a_network_is_refused_by_name() {
    for kind in
        ["InternetGateway", "RouteTable", "NatGateway", "VPCGatewayAttachment", "Route", "VPCEndpoint"]
    {
        let refused = planned(&format!("Resources:\n  A:\n    Type: AWS::EC2::{kind}\n")).unwrap_err();
        assert!(refused.contains(&format!("AWS::EC2::{kind}")), "{refused}");
    }
    let rule = "SecurityGroupIngress: [{ IpProtocol: tcp, SourcePrefixListId: pl-1 }]";
    let group = format!(
        "Resources:\n  A:\n    Type: AWS::EC2::SecurityGroup\n    Properties: {{ GroupDescription: d, {rule} }}\n"
    );
    assert!(planned(&group).unwrap_err().contains("SourcePrefixListId"));
    let subnet = "Resources:\n  A:\n    Type: AWS::EC2::Subnet\n    Properties: { Ipv6CidrBlock: '::/64' }\n";
    assert!(planned(subnet).unwrap_err().contains("Ipv6CidrBlock"));
}
