// A page in a real Chromium, for programs whose client runs in browsers.
//
//   const { browse } = require("./browser.js");
//   const result = await browse({ page: "play.html", setup, onStep: (facts) => step(facts.step, facts) });
//
// The page is a file of this directory. It is served under the one origin http://page.localhost, which a
// server under test can be told to trust before any port is known, and finds there:
//
//   GET  /node_modules/...   the packages, as they were installed
//   GET  /setup              the object `setup` as JSON
//   GET  /NAME               what `routes[NAME](url)` gives: a string, a Buffer, or an object (as JSON)
//   POST /step               tells a step, a JSON object with a member `step`; { step: "done", ... } is the
//                            last one and what `browse` gives, { step: "failed", reason } makes it throw
//
// `page.js` beside this file gives pages `step()` and tells of errors that nobody catches. Everything else
// that the page asks for goes where the browser's own rules and `args` lead it. The browser has an empty
// home of its own, which `prepare(home)` may fill, and ends with this process, however that ends:
// it reads the pipe of its debugger.

"use strict";

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const ORIGIN = "http://page.localhost";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8" };
const FLAGS = [
  "--headless=new",
  "--remote-debugging-pipe",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-sync",
  "--autoplay-policy=no-user-gesture-required",
];

// The command line of a Chromium with that home; the environment that belongs to it.
function chromium(home, args) {
  const flags = [...FLAGS, ...unsandboxed(), `--user-data-dir=${path.join(home, "profile")}`];
  return { command: ["chromium", ...flags, ...args], env: { ...process.env, HOME: home } };
}

// Chromium does not start as root with its sandbox; the pages here are our own.
function unsandboxed() {
  return process.getuid() === 0 ? ["--no-sandbox"] : [];
}

async function browse({ page, setup = {}, routes = {}, args = [], prepare = () => {}, onStep = () => {} }) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "callboard-browser-"));
  const ended = withResolvers();
  const server = http.createServer((request, response) => {
    answer(request, { page, setup, routes }, (facts) => {
      if (facts.step === "failed") ended.reject(new Error(facts.reason));
      else if (facts.step === "done") ended.resolve(facts);
      else onStep(facts);
    }).then(
      ({ status = 200, type = "application/json", body = "" }) => {
        response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" });
        response.end(body);
      },
      (error) => {
        ended.reject(error);
        response.writeHead(500).end();
      },
    );
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  let browser;
  try {
    await prepare(home);
    const map = `--host-resolver-rules=MAP page.localhost 127.0.0.1:${server.address().port}`;
    const { command, env } = chromium(home, [map, ...args, `${ORIGIN}/`]);
    browser = spawn(command[0], command.slice(1), { env, stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"] });
    const said = listen(browser);
    browser.on("error", ended.reject);
    browser.on("exit", (code, signal) => {
      ended.reject(new Error(`Chromium ended with ${code ?? signal}\n${said.join("")}`));
    });
    return await ended.promise;
  } finally {
    server.close();
    server.closeAllConnections();
    await stop(browser);
    fs.rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function answer(request, { page, setup, routes }, told) {
  const url = new URL(request.url, ORIGIN);
  if (request.method === "POST" && url.pathname === "/step") {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    told(JSON.parse(Buffer.concat(pieces)));
    return {};
  }
  const name = decodeURIComponent(url.pathname).slice(1);
  if (name === "") return file(page);
  if (name === "setup") return { body: JSON.stringify(setup) };
  if (name === "page.js" || name.startsWith("node_modules/")) return file(name);
  if (!routes[name]) return { status: 404 };
  const body = await routes[name](url);
  if (Buffer.isBuffer(body)) return { type: "application/octet-stream", body };
  return typeof body === "string" ? { type: "text/plain", body } : { body: JSON.stringify(body) };
}

function file(name) {
  const found = path.join(__dirname, path.normalize(`/${name}`));
  return { type: TYPES[path.extname(found)] ?? "application/octet-stream", body: fs.readFileSync(found) };
}

// What the browser says, for when it ends too early. Its pipes are read so that it never waits for us.
function listen(browser) {
  const said = [];
  for (const stream of [browser.stdout, browser.stderr]) {
    stream.on("data", (piece) => said.length < 1000 && said.push(piece.toString()));
  }
  browser.stdio[4].resume();
  browser.stdio[3].on("error", () => {});
  return said;
}

// Returns when all of its processes have ended, as far as they hold its pipes: until then they may write
// to its home.
async function stop(browser) {
  if (!browser?.pid || browser.exitCode !== null || browser.signalCode !== null) return;
  const gone = new Promise((resolve) => browser.once("close", resolve));
  browser.kill("SIGTERM");
  const hurry = setTimeout(() => browser.kill("SIGKILL"), 5000);
  await gone;
  clearTimeout(hurry);
}

function withResolvers() {
  let resolve, reject;
  const promise = new Promise((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}

module.exports = { FLAGS, ORIGIN, browse, stop, unsandboxed };
