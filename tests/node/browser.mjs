// A real browser, asked by lines of JSON.
//
// {"do": "visit", "url": text} opens a page; {"do": "evaluate", "script": text} runs a function body
// in it and answers with what that returns, or resolves to.

import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  // Tests run as root in containers, where the sandbox does not start.
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const page = await browser.newPage();

const answers = {
  visit: async ({ url }) => (await page.goto(url)).status(),
  evaluate: async ({ script }) => (await page.evaluate(`(async () => { ${script} })()`)) ?? null,
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...members } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await answers[what](members) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
