// The whole round with tencentcloud-sdk-nodejs-vod and cos-nodejs-sdk-v5: configure, upload, receive
// by PUSH, switch to PULL, upload in parts, delete, pull, confirm, and what is refused.
//
// The setup line on standard input says how requests are signed (`sign_method`) and sent
// (`http_method`); how the program talks with its test stands in stage.py.

"use strict";

const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const COS = require("cos-nodejs-sdk-v5");
const { CommonClient } = require("tencentcloud-sdk-nodejs-common");
const { vod } = require("tencentcloud-sdk-nodejs-vod");

const LARGE = 20 * 1024 * 1024 + 12_345;
const UNUSED_ID = "1000000000000000001";

// Everything here is on this machine, whatever proxy its user has set.
for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]) {
  delete process.env[name];
}

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function answer() {
  const { value, done } = await lines.next();
  assert.ok(!done, "the test went away");
  return JSON.parse(value);
}

function step(name, facts = {}) {
  process.stdout.write(JSON.stringify({ step: name, ...facts }) + "\n");
}

// Makes a call that must be refused with that code; returns the exception.
async function refused(code, call) {
  try {
    const reply = await call();
    assert.fail(`expected ${code}, but the call was answered: ${JSON.stringify(reply)}`);
  } catch (error) {
    if (error.code === "ERR_ASSERTION") throw error;
    assert.equal(error.code, code, `the message was: ${error.message}`);
    assert.ok(error.requestId, `${code} came without a RequestId`);
    return error;
  }
}

// A valid MP4 of exactly `size` bytes: the clip and one `free` box, whose content never repeats.
function paddedClip(clip, size) {
  const media = fs.readFileSync(clip);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(size - media.length, 0);
  head.write("free", 4);
  const key = Buffer.alloc(32, 1);
  const cipher = crypto.createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  const filler = cipher.update(Buffer.alloc(size - media.length - 8));
  return Buffer.concat([media, head, filler]);
}

class Round {
  constructor(setup) {
    this.setup = setup;
    this.client = new vod.v20180717.Client(this.options(setup.secret_key));
  }

  // Where the server is, and how to speak to it: all that an application has to change.
  options(secretKey) {
    return {
      credential: { secretId: this.setup.secret_id, secretKey },
      region: "ap-guangzhou",
      profile: {
        signMethod: this.setup.sign_method,
        httpProfile: {
          protocol: this.setup.ca ? "https://" : "http://",
          endpoint: this.setup.endpoint,
          reqMethod: this.setup.http_method,
          reqTimeout: 20,
        },
      },
    };
  }

  common(secretKey) {
    return new CommonClient(this.setup.endpoint, "2018-07-17", this.options(secretKey));
  }

  call(action, members = {}) {
    return this.client[action]({ SubAppId: this.setup.app, ...members });
  }

  own(action, members = {}) {
    const common = this.common(this.setup.secret_key);
    return common.request(action, { SubAppId: this.setup.app, ...members });
  }

  async configurePush() {
    assert.equal((await this.call("DescribeEventConfig")).Mode, "PUSH");
    await this.call("ModifyEventConfig", {
      Mode: "PUSH",
      NotificationUrl: this.setup.receiver,
      UploadMediaCompleteEventSwitch: "ON",
      DeleteMediaCompleteEventSwitch: "ON",
      SignKey: this.setup.sign_key,
    });
    const config = await this.call("DescribeEventConfig");
    assert.equal(config.NotificationUrl, this.setup.receiver);
    assert.equal(config.UploadMediaCompleteEventSwitch, "ON");
    assert.equal(config.PersistenceCompleteEventSwitch, "OFF");
    assert.ok(!("SignKey" in config), "DescribeEventConfig shows the SignKey");
  }

  // A COS client with an upload's temporary keys. With `proxy` the requests carry the cloud's own
  // host and come in absolute form; by https a proxy is a tunnel, and there is none.
  cos(certificate, proxy) {
    const where = proxy && !this.setup.ca
      ? { Proxy: `http://${this.setup.endpoint}` }
      : { Domain: this.setup.endpoint };
    return new COS({
      SecretId: certificate.SecretId,
      SecretKey: certificate.SecretKey,
      SecurityToken: certificate.Token,
      Protocol: this.setup.ca ? "https:" : "http:",
      AutoSwitchHost: false,
      ...where,
    });
  }

  async upload(file, members, proxy) {
    const applied = await this.call("ApplyUpload", { MediaType: "mp4", ...members });
    const cos = this.cos(applied.TempCertificate, proxy);
    const place = {
      Bucket: applied.StorageBucket,
      Region: applied.StorageRegion,
      Key: applied.MediaStoragePath.slice(1),
    };
    // At most SliceSize (1 MiB) goes as one PUT, more as parts of 1 MiB, three at once.
    const put = await cos.uploadFile({ ...place, FilePath: file, SliceSize: 1024 * 1024 });
    assert.match(put.ETag, /^"/, "the ETag must be quoted");
    await this.sameObject(cos, place, fs.readFileSync(file));
    const committed = await this.call("CommitUpload", { VodSessionKey: applied.VodSessionKey });
    const again = await this.call("CommitUpload", { VodSessionKey: applied.VodSessionKey });
    assert.equal(again.FileId, committed.FileId, "FileId of a second CommitUpload");
    return committed;
  }

  async sameObject(cos, place, data) {
    const head = await cos.headObject(place);
    assert.equal(Number(head.headers["content-length"]), data.length);
    const whole = await cos.getObject(place);
    assert.ok(data.equals(whole.Body), "the object is not what was uploaded");
    const part = await cos.getObject({ ...place, Range: "bytes=1000-1999" });
    assert.equal(part.statusCode, 206);
    assert.ok(data.subarray(1000, 2000).equals(part.Body), "a range differs");
  }

  async uploadSmall() {
    const { size } = fs.statSync(this.setup.clip);
    const members = { MediaName: "Animal World", SourceContext: "round=1" };
    const committed = await this.upload(this.setup.clip, members, true);
    step("uploaded", {
      file_id: committed.FileId,
      size,
      name: "Animal World",
      source_context: "round=1",
      media_url: committed.MediaUrl,
    });
    await answer();
    const described = await this.call("DescribeMediaInfos", {
      FileIds: [committed.FileId, UNUSED_ID],
      Filters: ["basicInfo", "metaData"],
    });
    assert.deepEqual(described.NotExistFileIdSet, [UNUSED_ID]);
    assert.equal(described.MediaInfoSet[0].MetaData.Size, size);
    assert.ok(described.MediaInfoSet[0].MetaData.Duration > 0);
    return committed.FileId;
  }

  async pullAndConfirm(small) {
    await this.call("ModifyEventConfig", { Mode: "PULL" });
    const data = paddedClip(this.setup.clip, LARGE);
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "callboard-"));
    let large;
    try {
      const file = path.join(directory, "large.mp4");
      fs.writeFileSync(file, data);
      large = (await this.upload(file, { MediaName: "large" }, false)).FileId;
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
    await this.call("DeleteMedia", { FileId: small });

    const events = [];
    while (events.length < 2) events.push(...(await this.call("PullEvents")).EventSet);
    assert.deepEqual(events.map((event) => event.EventType), ["NewFileUpload", "FileDeleted"]);
    assert.equal(events[0].FileUploadEvent.FileId, large);
    assert.equal(events[0].FileUploadEvent.MetaData.Size, data.length);
    assert.deepEqual(events[1].FileDeleteEvent.FileIdSet, [small]);
    assert.equal(events[1].FileUploadEvent, null, "unused members must be null");
    await this.call("ConfirmEvents", { EventHandles: events.map((event) => event.EventHandle) });
    assert.equal((await this.call("DescribeEventsState")).CountOfEventsToPull, 0);
    const nothing = await refused("ResourceNotFound", () => this.call("PullEvents"));
    assert.equal(nothing.message, "no event");
  }

  async refusals() {
    await refused("AuthFailure.SignatureFailure", () =>
      this.common("wrong").request("DescribeEventConfig", {}),
    );
    await refused("InvalidParameterValue", () =>
      this.call("ConfirmEvents", { EventHandles: ["no-such-handle"] }),
    );
    await refused("MissingParameter", () => this.own("ApplyUpload"));
    await refused("InvalidAction", () => this.own("DescribeWeather"));
    await refused("UnsupportedOperation", () => this.own("DescribeVodDomains"));
    const published = await this.own("PublishEvents", {
      Events: [{ EventType: "FileDeleted", FileDeleteEvent: { FileIdSet: [UNUSED_ID] } }],
    });
    assert.equal(published.EventSet[0].State, "READY");
    assert.equal((await this.own("PurgeEvents")).Count, 1);
  }
}

async function main() {
  const round = new Round(await answer());
  await round.configurePush();
  const small = await round.uploadSmall();
  await round.pullAndConfirm(small);
  await round.refusals();
  step("done");
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error.stack ?? error}\n${JSON.stringify(error)}\n`);
    process.exit(1);
  },
);
