// The pictures of the explorer page in the guide, made anew of the page of the Psalms.
//
// usage: node docs/explore/pictures.mjs PAGE.html

import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Browser } from "../../tests/explore/browser.mjs";

const folder = dirname(fileURLToPath(import.meta.url));
const [page] = process.argv.slice(2);
if (!page) {
  console.error("usage: node docs/explore/pictures.mjs PAGE.html");
  process.exit(2);
}
const browser = await Browser.start();
const tab = await browser.page({ width: 980, height: 640 });
await tab.open(`${pathToFileURL(resolve(page)).href}#item=Psa+23:1`);
writeFileSync(join(folder, "item.png"), await tab.screenshot());
await tab.go("#view=advice");
await tab.evaluate("document.querySelectorAll('.cards > li')[3].scrollIntoView()");
writeFileSync(join(folder, "advice.png"), await tab.screenshot());
await browser.stop();
