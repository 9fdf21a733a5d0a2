// Two people chat in two windows of a real browser. The argument is the chat's address.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

async function visitor(name) {
  const window = await browser.newContext();
  const page = await window.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(new URL(`/?name=${name}`, process.argv[2]).href);
  await page.getByRole("status").filter({ hasText: /^connected$/ }).waitFor();
  return {
    faults,
    leave: () => window.close(),
    says: async (text) => {
      await page.getByLabel("Message", { exact: true }).fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    },
    reads: (name, text) =>
      page.locator("#messages li").filter({ hasText: `${name}${text}` }).waitFor(),
    sees: async (...names) => {
      await page.waitForFunction((names) => {
        const listed = [...document.querySelectorAll("#people li")].map((line) => line.textContent);
        return listed.join() === names.join();
      }, names);
    },
    // Without a network, until it is back.
    offline: async () => {
      await page.evaluate(() => {
        window.Online = WebSocket;
        window.WebSocket = class { constructor() { this.readyState = 3; setTimeout(() => this.onclose()); } };
        socket.close();
      });
      await page.getByRole("status").filter({ hasText: /^reconnecting$/ }).waitFor();
    },
    online: () => page.evaluate(() => { window.WebSocket = Online; }),
    isTold: (text) => page.getByRole("status").filter({ hasText: text }).waitFor(),
    messages: () => page.locator("#messages li").allTextContents(),
  };
}

try {
  const anna = await visitor("anna");
  await anna.sees("anna");
  const bert = await visitor("bert");
  await anna.sees("anna", "bert");
  await bert.sees("anna", "bert");

  await anna.says("hello <b>bert</b>");
  await bert.reads("anna", "hello <b>bert</b>");
  await bert.says("hello anna ☕");
  await anna.reads("bert", "hello anna ☕");
  for (const someone of [anna, bert]) {
    assert.deepEqual(await someone.messages(), ["annahello <b>bert</b>", "berthello anna ☕"]);
    assert.deepEqual(someone.faults, []);
  }

  // What is said by whoever is away waits, and what is said meanwhile is there afterwards.
  await bert.offline();
  await anna.sees("anna");
  await bert.says("can you hear me?");
  await bert.isTold("reconnecting, 1 waiting");
  await anna.says("bert is gone");
  await anna.reads("anna", "bert is gone");
  await bert.online();
  await anna.reads("bert", "can you hear me?");
  await bert.isTold(/^connected$/);
  await bert.reads("anna", "bert is gone");
  await bert.reads("bert", "can you hear me?");

  // A new window begins with what was said lately.
  const carl = await visitor("carl");
  await carl.reads("bert", "can you hear me?");
  const all = ["annahello <b>bert</b>", "berthello anna ☕", "annabert is gone", "bertcan you hear me?"];
  for (const someone of [anna, bert, carl]) {
    assert.deepEqual(await someone.messages(), all);
    assert.deepEqual(someone.faults, []);
  }
  await carl.leave();

  await bert.leave();
  await anna.sees("anna");
  console.log("two windows chatted");
} finally {
  await browser.close();
}
