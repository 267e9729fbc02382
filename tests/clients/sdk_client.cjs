// AWS's SDK for JavaScript v3 against Tule.
const assert = require("node:assert/strict");
const { LambdaClient, ListFunctionsCommand, GetFunctionCommand } = require("@aws-sdk/client-lambda");
const { S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, ListObjectsV2Command, DeleteObjectsCommand } = require("@aws-sdk/client-s3");
const { SFNClient, CreateStateMachineCommand, StartExecutionCommand, DescribeExecutionCommand } = require("@aws-sdk/client-sfn");

(async () => {
  const s3 = new S3Client({ forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: "from-js" }));
  await s3.send(new PutObjectCommand({ Bucket: "from-js", Key: "ä/b", Body: "content", Metadata: { colour: "red" } }));
  const got = await s3.send(new GetObjectCommand({ Bucket: "from-js", Key: "ä/b" }));
  assert.equal(await got.Body.transformToString(), "content");
  assert.deepEqual(got.Metadata, { colour: "red" });
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: "from-js" }));
  assert.deepEqual(listed.Contents.map(({ Key }) => Key), ["ä/b"]);
  await s3.send(new DeleteObjectsCommand({ Bucket: "from-js", Delete: { Objects: [{ Key: "ä/b" }] } }));
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket: "from-js", Key: "ä/b" })), { name: "NoSuchKey" });

  const lambda = new LambdaClient({});
  assert.deepEqual((await lambda.send(new ListFunctionsCommand({}))).Functions, []);
  await assert.rejects(lambda.send(new GetFunctionCommand({ FunctionName: "none" })), { name: "ResourceNotFoundException" });

  const states = new SFNClient({});
  const definition = JSON.stringify({ StartAt: "A", States: { A: { Type: "Pass", Result: { done: true }, End: true } } });
  const roleArn = "arn:aws:iam::000000000000:role/r";
  const { stateMachineArn } = await states.send(new CreateStateMachineCommand({ name: "js", definition, roleArn }));
  const { executionArn } = await states.send(new StartExecutionCommand({ stateMachineArn }));
  let described;
  do {
    described = await states.send(new DescribeExecutionCommand({ executionArn }));
  } while (described.status === "RUNNING");
  assert.equal(described.output, '{"done":true}');
  await assert.rejects(states.send(new CreateStateMachineCommand({ name: "bad", definition: "{}", roleArn })), { name: "InvalidDefinition" });
  console.log("the SDK for JavaScript is content");
})();
