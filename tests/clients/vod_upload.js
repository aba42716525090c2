// Uploads with vod-node-sdk, which knows only the hosts of the cloud: to be run by `callboard run`.
//
// The setup line says which files (`files`); each is uploaded by the SDK's own call.

"use strict";

const assert = require("node:assert/strict");
const readline = require("node:readline");
const { VodUploadClient, VodUploadRequest } = require("vod-node-sdk");

function step(name, facts = {}) {
  process.stdout.write(JSON.stringify({ step: name, ...facts }) + "\n");
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin });
  const { value } = await lines[Symbol.asyncIterator]().next();
  const setup = JSON.parse(value);
  lines.close();
  const client = new VodUploadClient(setup.secret_id, setup.secret_key);
  for (const file of setup.files) {
    const request = new VodUploadRequest();
    request.MediaFilePath = file;
    request.SourceContext = "unmodified";
    const answer = await new Promise((resolve, reject) => {
      client.upload("ap-guangzhou", request, (error, data) => (error ? reject(error) : resolve(data)));
    });
    assert.ok(answer.FileId, JSON.stringify(answer));
    step("uploaded", { file_id: answer.FileId, media_url: answer.MediaUrl });
  }
  step("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
