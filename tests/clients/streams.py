"""Streams of another endpoint, moto's Kinesis and DynamoDB, with functions behind them."""

import json

import boto3

from archive import zipped
from provider import until

SOURCE = "import json\ndef handler(event, context):\n    print('got ' + json.dumps(event['Records']))\n"

aws_lambda, logs, kinesis, dynamodb = (
    boto3.client(name) for name in ("lambda", "logs", "kinesis", "dynamodb")
)

kinesis.create_stream(StreamName="s", ShardCount=2)
kinesis.get_waiter("stream_exists").wait(StreamName="s", WaiterConfig={"Delay": 1})
stream = kinesis.describe_stream(StreamName="s")["StreamDescription"]["StreamARN"]
table = dynamodb.create_table(
    TableName="t",
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    BillingMode="PAY_PER_REQUEST",
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
)["TableDescription"]


def records(function):
    found = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern="got")["events"]
    return [record for event in found for record in json.loads(event["message"][4:])]


def mapped(function, source, **settings):
    aws_lambda.create_function(
        FunctionName=function,
        Runtime="python3.12",
        Handler="index.handler",
        Role="arn:aws:iam::000000000000:role/r",
        Timeout=20,
        Code={"ZipFile": zipped("index.py", SOURCE)},
    )
    aws_lambda.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    # Its log group is there before anything has come.
    aws_lambda.invoke(FunctionName=function, Payload=json.dumps({"Records": []}))
    made = aws_lambda.create_event_source_mapping(
        FunctionName=function, EventSourceArn=source, StartingPosition="TRIM_HORIZON", **settings
    )
    state = lambda: aws_lambda.get_event_source_mapping(UUID=made["UUID"])["State"]
    until("the mapping", state, lambda state: state == "Enabled", 60)


inserts = {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]}
mapped("of-kinesis", stream, BatchSize=10)
mapped("of-dynamodb", table["LatestStreamArn"], FilterCriteria=inserts)
for number in range(6):
    kinesis.put_record(StreamName="s", Data=b"%d" % number, PartitionKey=str(number))
    dynamodb.put_item(TableName="t", Item={"id": {"S": str(number)}, "n": {"N": "1"}})
dynamodb.delete_item(TableName="t", Key={"id": {"S": "0"}})
dynamodb.put_item(TableName="t", Item={"id": {"S": "last"}})

told = until("the records", lambda: records("of-kinesis"), lambda found: len(found) == 6, 60)
assert {record["kinesis"]["partitionKey"] for record in told} == set("012345"), told
assert {record["eventSourceARN"] for record in told} == {stream}, told
assert {record["eventID"].split(":")[0] for record in told} <= {"shardId-000000000000", "shardId-000000000001"}, told

images = until("the items", lambda: records("of-dynamodb"), lambda found: len(found) == 7, 60)
assert [record["dynamodb"]["Keys"]["id"]["S"] for record in images] == [*"012345", "last"], images
assert {record["eventName"] for record in images} == {"INSERT"}, images
assert images[0]["dynamodb"]["NewImage"] == {"id": {"S": "0"}, "n": {"N": "1"}}, images

for mapping in aws_lambda.list_event_source_mappings()["EventSourceMappings"]:
    assert mapping["LastProcessingResult"] == "OK", mapping

print("moto's streams are read")
