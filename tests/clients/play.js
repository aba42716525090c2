// Plays HLS with hls.js in a real Chromium, each address of the setup (`urls`) to its end.

"use strict";

const readline = require("node:readline");
const { browse } = require("./browser.js");

async function main() {
  const lines = readline.createInterface({ input: process.stdin });
  const { value } = await lines[Symbol.asyncIterator]().next();
  const setup = JSON.parse(value);
  lines.close();
  // what is played is of another origin than the page: the server must trust the page's
  const done = await browse({ page: "play.html", setup });
  process.stdout.write(JSON.stringify({ step: "played", played: done.played }) + "\n");
  process.stdout.write(JSON.stringify({ step: "done" }) + "\n");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
