#!/usr/bin/env node
// Stands for a person at a Chromium, under the name `chromium`: opens the page that the arguments name,
// chooses video.mp4 for its file input, prints what its <output> says in the end, and closes the browser.
// The arguments are given to the real Chromium as they are.

"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { FLAGS, stop, unsandboxed } = require("./browser.js");

const DEADLINE_MS = 60_000;

// The Chromium that this program stands before on the search path.
function real() {
  const candidates = process.env.PATH.split(path.delimiter).map((directory) => path.join(directory, "chromium"));
  const found = candidates.find((file) => fs.existsSync(file) && fs.realpathSync(file) !== __filename);
  if (!found) throw new Error("there is no Chromium on the search path");
  return found;
}

// Commands to the browser over the pipe of its debugger, answered in any order.
function debuggerOf(browser) {
  const waiting = new Map();
  let rest = "";
  browser.stdio[4].setEncoding("utf8").on("data", (piece) => {
    const messages = (rest + piece).split("\0");
    rest = messages.pop();
    for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    }
  });
  let last = 0;
  return (method, params = {}, sessionId = undefined) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      browser.stdio[3].write(JSON.stringify({ id: last, method, params, sessionId }) + "\0");
    });
}

// What `look` gives, as soon as it gives something.
async function until(look) {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing after ${DEADLINE_MS} ms: ${look}`);
}

async function main() {
  const args = process.argv.slice(2);
  const url = args.at(-1);
  const flags = [...FLAGS, ...unsandboxed(), ...args];
  const browser = spawn(real(), flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  try {
    const ask = debuggerOf(browser);
    const page = await until(async () => {
      const { targetInfos } = await ask("Target.getTargets");
      return targetInfos.find((target) => target.type === "page" && target.url === url);
    });
    const { sessionId } = await ask("Target.attachToTarget", { targetId: page.targetId, flatten: true });
    const evaluate = async (expression) => (await ask("Runtime.evaluate", { expression }, sessionId)).result;
    await until(async () => (await evaluate("document.readyState")).value === "complete");
    const input = "document.querySelector('input[type=file]') ?? undefined";
    const objectId = await until(async () => (await evaluate(input)).objectId);
    await ask("DOM.setFileInputFiles", { files: [path.resolve("video.mp4")], objectId }, sessionId);
    const said = await until(async () => {
      const { value } = await evaluate("document.querySelector('output').value");
      return !value.endsWith("%") && value;
    });
    console.log(said);
  } finally {
    await stop(browser);
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
