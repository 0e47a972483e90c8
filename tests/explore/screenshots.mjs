// Pictures of every view, whole pages up to a height, to be looked at.
//
// usage: node screenshots.mjs PAGE.html FOLDER [ITEM]   (ITEM: the index of the item that is shown)

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";

const [page, folder, item = "0"] = process.argv.slice(2);
if (!page || !folder) {
  console.error("usage: node screenshots.mjs PAGE.html FOLDER [ITEM]");
  process.exit(2);
}

const SIZES = [
  ["phone", { width: 360, height: 780 }], ["laptop", { width: 1280, height: 860 }], ["wide", { width: 1920, height: 1080 }],
];
const MOST_SCREENS = 2.5;
const VIEWS = {
  items: "#q=", search: "#q=shepherd", item: `#index=${item}`, walk: `#index=${item}&view=walk`,
  orders: `#index=${item}&view=orders`, heat: `#index=${item}&view=heat`, missing: "#item=no such item",
  advice: "#view=advice", list: "#view=advice&list=centroid", duplicates: "#view=duplicates&above=0.90",
  similarity: "#view=similarity",
};

mkdirSync(folder, { recursive: true });
const browser = await Browser.start();
for (const dark of [false, true]) {
  for (const [name, size] of SIZES) {
    const tab = await browser.page(size, { dark });
    await tab.open(pathToFileURL(resolve(page)).href);
    for (const [view, hash] of Object.entries(VIEWS)) {
      await tab.go(hash);
      const height = Math.min(MOST_SCREENS * size.height, await tab.evaluate("document.documentElement.scrollHeight"));
      const { data } = await tab.send("Page.captureScreenshot", {
        format: "png", captureBeyondViewport: true, clip: { x: 0, y: 0, width: size.width, height, scale: 1 },
      });
      writeFileSync(join(folder, `${view}-${name}${dark ? "-dark" : ""}.png`), Buffer.from(data, "base64"));
    }
    await tab.close();
  }
}
await browser.stop();
