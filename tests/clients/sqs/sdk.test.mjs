// What the AWS SDK for JavaScript v3 and sqs-consumer see. Run by run.sh; LEDGERQ_SQS is the
// endpoint's URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as aws from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const sqs = new aws.SQSClient({
  endpoint: process.env.LEDGERQ_SQS,
  region: "eu-west-1",
  credentials: { accessKeyId: "any", secretAccessKey: "thing" },
  maxAttempts: 1,
});
const run = `js-${process.pid}-${Date.now()}`;

async function queue(name, Attributes = {}) {
  const { QueueUrl } = await sqs.send(
    new aws.CreateQueueCommand({ QueueName: `${run}-${name}`, Attributes }),
  );
  return QueueUrl;
}

test("a message is sent, received and deleted", async () => {
  const QueueUrl = await queue("jobs");
  const MessageAttributes = {
    color: { DataType: "String", StringValue: "r\u00f6t" },
    raw: { DataType: "Binary", BinaryValue: new Uint8Array([0, 255]) },
  };
  // The SDK checks the digests of bodies.
  const sent = await sqs.send(
    new aws.SendMessageCommand({ QueueUrl, MessageBody: "hello \u4e16", MessageAttributes }),
  );
  const received = await sqs.send(
    new aws.ReceiveMessageCommand({
      QueueUrl,
      MessageAttributeNames: ["All"],
      MessageSystemAttributeNames: ["All"],
      WaitTimeSeconds: 5,
    }),
  );
  const [message] = received.Messages;
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.Body, "hello \u4e16");
  assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.deepEqual([...message.MessageAttributes.raw.BinaryValue], [0, 255]);
  assert.equal(message.Attributes.ApproximateReceiveCount, "1");
  await sqs.send(new aws.DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
  const empty = await sqs.send(new aws.ReceiveMessageCommand({ QueueUrl }));
  assert.equal(empty.Messages, undefined);
});

test("a batch is sent, and a bad entry fails alone", async () => {
  const QueueUrl = await queue("batch");
  const Entries = [
    { Id: "a", MessageBody: "1" },
    { Id: "b", MessageBody: "2", DelaySeconds: 901 },
  ];
  const told = await sqs.send(new aws.SendMessageBatchCommand({ QueueUrl, Entries }));
  assert.equal(told.Successful.length, 1);
  assert.equal(told.Failed[0].SenderFault, true);
});

test("errors are the SDK's classes", async () => {
  const QueueUrl = `${process.env.LEDGERQ_SQS}/000000000000/${run}-none`;
  const refused = sqs.send(new aws.ReceiveMessageCommand({ QueueUrl }));
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof aws.QueueDoesNotExist, error);
    assert.equal(error.$metadata.httpStatusCode, 400);
    return true;
  });
});

test("sqs-consumer takes what is sent and deletes it", async () => {
  const QueueUrl = await queue("consumer");
  const bodies = Array.from({ length: 25 }, (_, at) => `m${at}`);
  for (let at = 0; at < bodies.length; at += 10) {
    const Entries = bodies
      .slice(at, at + 10)
      .map((MessageBody, index) => ({ Id: `${index}`, MessageBody }));
    await sqs.send(new aws.SendMessageBatchCommand({ QueueUrl, Entries }));
  }
  const taken = new Set();
  await new Promise((resolve, reject) => {
    const consumer = Consumer.create({
      queueUrl: QueueUrl,
      sqs,
      batchSize: 10,
      waitTimeSeconds: 5,
      handleMessage: async (message) => {
        taken.add(message.Body);
        return message;
      },
    });
    consumer.on("error", reject);
    consumer.on("processing_error", reject);
    consumer.on("response_processed", () => {
      if (taken.size === bodies.length) consumer.stop();
    });
    consumer.on("stopped", resolve);
    consumer.start();
  });
  const { Attributes } = await sqs.send(
    new aws.GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }),
  );
  assert.equal(Attributes.ApproximateNumberOfMessages, "0");
  assert.equal(Attributes.ApproximateNumberOfMessagesNotVisible, "0");
});
