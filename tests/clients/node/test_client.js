// What a Node client sees of a ledgerq server: a message's way, attributes, refusals, a long poll.
//
// Run by run.sh. LEDGERQ_SERVER is the server's address, LEDGERQ_PROTO the directory proto/.
"use strict";

const assert = require("node:assert/strict");
const { test, after } = require("node:test");
const grpc = require("@grpc/grpc-js");
const protoLoader = require("@grpc/proto-loader");

const definition = protoLoader.loadSync(
  ["ledgerq/v1/queue_service.proto", "ledgerq/v1/message_service.proto"],
  { includeDirs: [process.env.LEDGERQ_PROTO], keepCase: true, enums: String },
);
const { QueueService, MessageService } = grpc.loadPackageDefinition(definition).ledgerq.v1;
const credentials = grpc.credentials.createInsecure();
const queues = new QueueService(process.env.LEDGERQ_SERVER, credentials);
const messages = new MessageService(process.env.LEDGERQ_SERVER, credentials);

function call(client, method, request) {
  const deadline = { deadline: Date.now() + 10_000 };
  return new Promise((resolve, reject) => {
    client[method](request, deadline, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

const queue = `node-${process.pid}-${Date.now()}`;

after(async () => {
  await call(queues, "DeleteQueue", { queue });
  queues.close();
  messages.close();
});

test("a message is sent, received and deleted", async () => {
  await call(queues, "CreateQueue", { queue, settings: { visibility_timeout: { seconds: 60 } } });
  const color = { data_type: "String", text: "red" };
  const entries = [{ body: Buffer.from("hello"), attributes: { color } }];
  const { results } = await call(messages, "Send", { queue, entries });

  const received = await call(messages, "Receive", { queue, max_messages: 10 });
  const [message] = received.messages;
  assert.equal(message.message_id, results[0].sent.message_id);
  assert.equal(message.body.toString(), "hello");
  assert.equal(message.attributes.color.text, "red");
  assert.equal(message.receive_count, 1);

  const receipt_handles = [message.receipt_handle, "garbage"];
  const deleted = await call(messages, "Delete", { queue, receipt_handles });
  assert.equal(deleted.results[0].outcome, "DELETE_OUTCOME_DELETED");
  assert.equal(deleted.results[1].error.reason, "RECEIPT_HANDLE_INVALID");
});

test("a long poll is answered when a message comes", async () => {
  const poll = call(messages, "Receive", { queue, wait_time: { seconds: 8 } });
  const entries = [{ body: Buffer.from([0, 255]), delay: { nanos: 300_000_000 } }];
  await call(messages, "Send", { queue, entries });
  const { messages: received } = await poll;
  assert.deepEqual([...received[0].body], [0, 255]);
});

test("a queue that is not there is not found", async () => {
  const refused = call(queues, "GetQueue", { queue: `${queue}-other` });
  await assert.rejects(refused, { code: grpc.status.NOT_FOUND });
});
