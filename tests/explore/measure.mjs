// How large a page is and how fast it opens and answers, in Chromium.
//
// usage: node measure.mjs PAGE.html

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";

const [page] = process.argv.slice(2);
if (!page) {
  console.error("usage: node measure.mjs PAGE.html");
  process.exit(2);
}

// Milliseconds from what a user does to the next frame that is drawn after it.
const timed = (act) => `new Promise((resolve) => {
  const began = performance.now();
  ${act};
  setTimeout(() => requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began))));
})`;

const browser = await Browser.start();
const tab = await browser.page();
await tab.open(pathToFileURL(resolve(page)).href);
const opened = await tab.evaluate("performance.getEntriesByName('ready')[0].startTime");
const say = (what, value) => console.log(`${what.padEnd(28)}${value}`);
say("size", `${(statSync(page).size / 1e6).toFixed(2)} MB`);
say("opens in", `${opened.toFixed(0)} ms`);

async function say_slowest(what, acts) {
  const times = [];
  for (const act of acts) times.push(await tab.evaluate(timed(act)));
  say(what, `${Math.max(...times).toFixed(0)} ms at most of ${times.length}`);
}

await tab.evaluate("document.getElementById('search').focus()");
const typed = (text) => `const box = document.getElementById("search"); box.value = ${JSON.stringify(text)};
  box.dispatchEvent(new Event("input", { bubbles: true }))`;
await say_slowest("a letter of a search", ["t", "th", "the", "the l", "the la", "the lan", "the land"].map(typed));
await tab.evaluate("document.getElementById('search').blur()");
await say_slowest("a click on an item", Array.from({ length: 10 }, (_, k) => (k % 2
  ? "document.querySelector('.entries a.name').click()" : `location.hash = "#index=${k}&view=orders"`)));
await tab.go("#view=duplicates");
await say_slowest("a step of the slider", [0.9, 0.85, 0.8, 0.81, 0.99].map((above) => `const slider = document.getElementById("above");
  slider.value = ${above}; slider.dispatchEvent(new Event("input"))`));
await browser.stop();
