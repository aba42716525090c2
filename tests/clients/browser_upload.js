// Uploads from a page with vod-js-sdk-v6 in a real Chromium, to be run by `callboard run`: the browser finds
// the proxy in its environment and trusts the local authority, as `callboard trust` says.
//
// The setup line says what to upload (`uploads`: a name for its step, media, cover, and the name of a signature), where the files
// are (`directory`), what the signatures say (`signatures`: more parameters, or other ones) and, as `ca`,
// the authority's certificate or, as `spki`, its key.

"use strict";

const { execFileSync } = require("node:child_process");
const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { browse } = require("./browser.js");

function step(name, facts = {}) {
  process.stdout.write(JSON.stringify({ ...facts, step: name }) + "\n");
}

// As the documents have it (266/9221).
function signature(setup, options) {
  const { secret_key: key = setup.secret_key, ...more } = options;
  const now = Math.floor(Date.now() / 1000);
  const parameters = {
    secretId: setup.secret_id,
    currentTimeStamp: now,
    expireTime: now + 3600,
    random: crypto.randomInt(2 ** 32 - 1),
    ...more,
  };
  const original = Buffer.from(new URLSearchParams(parameters).toString());
  const digest = crypto.createHmac("sha1", key).update(original).digest();
  return Buffer.concat([digest, original]).toString("base64");
}

// Debian's way to make a browser trust, in the browser's own home.
function trust(home, ca) {
  const store = path.join(home, ".pki", "nssdb");
  fs.mkdirSync(store, { recursive: true });
  execFileSync("certutil", ["-d", `sql:${store}`, "-N", "--empty-password"]);
  execFileSync("certutil", ["-d", `sql:${store}`, "-A", "-t", "C,,", "-n", "callboard", "-i", ca]);
}

async function main() {
  const lines = readline.createInterface({ input: process.stdin });
  const { value } = await lines[Symbol.asyncIterator]().next();
  const setup = JSON.parse(value);
  lines.close();
  await browse({
    page: "browser_upload.html",
    setup: { uploads: setup.uploads },
    routes: {
      signature: (url) => signature(setup, setup.signatures[url.searchParams.get("use")]),
      file: (url) => fs.readFileSync(path.join(setup.directory, path.basename(url.searchParams.get("name")))),
    },
    args: setup.spki ? [`--ignore-certificate-errors-spki-list=${setup.spki}`] : [],
    prepare: (home) => setup.ca && trust(home, setup.ca),
    onStep: (facts) => step(facts.step, facts),
  });
  step("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
