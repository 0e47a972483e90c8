// Pictures of every view, to be looked at.
//
// usage: node screenshots.mjs PAGE.html FOLDER

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";

const [page, folder] = process.argv.slice(2);
if (!page || !folder) {
  console.error("usage: node screenshots.mjs PAGE.html FOLDER");
  process.exit(2);
}

const SIZES = [
  ["phone", { width: 360, height: 780 }], ["wide", { width: 1920, height: 1080 }], ["laptop", { width: 1280, height: 860 }],
];
const VIEWS = {
  items: "", search: "#q=shepherd", item: "#index=0", walk: "#index=0&view=walk", orders: "#index=0&view=orders",
  heat: "#index=0&view=heat", advice: "#view=advice", list: "#view=advice&list=centroid",
  duplicates: "#view=duplicates&above=0.90", similarity: "#view=similarity",
};

mkdirSync(folder, { recursive: true });
const browser = await Browser.start();
for (const dark of [false, true]) {
  for (const [name, size] of SIZES) {
    const tab = await browser.page(size, { dark });
    await tab.open(pathToFileURL(resolve(page)).href);
    const first = await tab.evaluate("document.querySelector('.entries a.name').getAttribute('href')");
    for (const [view, hash] of Object.entries(VIEWS)) {
      await tab.go(hash.replace("#index=0", process.env.EXPLORE_ITEM ?? first) || "#q=");
      writeFileSync(join(folder, `${view}-${name}${dark ? "-dark" : ""}.png`), await tab.screenshot());
    }
    await tab.close();
  }
}
await browser.stop();
