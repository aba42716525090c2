// What every page of browser.js has: step(name, facts), and a word when something goes wrong unseen.

"use strict";

async function step(name, facts = {}) {
  await fetch("/step", { method: "POST", body: JSON.stringify({ step: name, ...facts }) });
}

function failed(reason) {
  return step("failed", { reason: String(reason?.stack ?? reason?.message ?? reason) });
}

addEventListener("error", (event) => failed(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => failed(event.reason));
