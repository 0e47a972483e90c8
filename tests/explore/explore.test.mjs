// The explorer page in a real Chromium: every number on it is the library's, every view works by hand, by keyboard and
// by address, and nothing in a text becomes markup.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Browser } from "./browser.mjs";
import { LISTS, PICKS, SHORT_BYTES, groups, ids, make, rankOf, texts, thousandths } from "./collection.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const VIEWS = ["", "#q=shepherd", "#index=3", "#index=3&view=walk", "#index=3&view=orders", "#index=3&view=heat",
  "#index=4", "#index=11&view=walk", "#index=999", "#view=advice", "#view=advice&list=centroid", "#view=duplicates&above=0.90", "#view=similarity"];
const FORMAT = new URL("../../explore/format.js", import.meta.url);
const WIDE = { width: 1280, height: 900 };

let collection, browser, server, fromDisk, overHttp;

before(async () => {
  collection = make();
  browser = await Browser.start();
  fromDisk = pathToFileURL(collection.page).href;
  const contents = readFileSync(collection.page);
  server = createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(contents);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  overHttp = `http://127.0.0.1:${server.address().port}/explore.html`;
});

after(async () => {
  await browser?.stop();
  server?.close();
  collection?.remove();
});

// A test with a tab of its own, in which nothing may go wrong, and from which nothing may be asked.
function inTab(name, work, { size = WIDE, dark = false, url = () => fromDisk } = {}) {
  test(name, { timeout: 180000 }, async () => {
    const tab = await browser.page(size, { dark });
    await tab.open(url());
    await work(tab);
    assert.deepEqual(tab.problems, []);
    assert.deepEqual([...new Set(tab.requests.map((request) => request.replace(/#.*/, "")))].filter((request) =>
      request !== "about:blank" && !request.startsWith("data:")), [url()]);
    await tab.close();
  });
}

const shown = (selector) => `[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => element.textContent)`;
const shownOf = (key) => shown(`[data-list="${key}"] .entry .name`);
const oneOf = (selector) => `document.querySelector(${JSON.stringify(selector)})?.textContent ?? null`;

for (const [where, url] of [["from disk", () => fromDisk], ["over http", () => overHttp]]) {
  inTab(`every view opens ${where}, by its address alone`, async (tab) => {
    for (const view of VIEWS) {
      await tab.open(url() + view);
      assert.ok(await tab.evaluate(oneOf("main h1")), view);
      assert.equal(await tab.evaluate("document.title.startsWith('undefined')"), false);
    }
  }, { url });
}

inTab("lists have the library's items, cosines and ranks", async (tab) => {
  for (let item = 0; item < collection.n; ++item) {
    await tab.go(`#index=${item}&view=orders`);
    const columns = await tab.evaluate(`[...document.querySelectorAll("[data-list]")].map((column) => [column.dataset.list,
      [...column.querySelectorAll(".entry")].map((entry) => [entry.querySelector(".name").textContent,
        entry.querySelector(".cosine").lastChild.data, entry.querySelector(".rank").textContent])])`);
    const expected = collection.lists.map(({ key, rows }) => [key, rows[item].map((pick) => [
      ids[pick], thousandths(collection.matrix[item][pick]), `rank ${rankOf(collection.matrix, item, pick)}`])]);
    assert.deepEqual(Object.fromEntries(columns), Object.fromEntries(expected));
  }
});

inTab("trails tell the closest earlier pick; heat maps have all cosines", async (tab) => {
  const { matrix } = collection;
  for (const { key, rows } of collection.lists) {
    for (const item of [0, 12, 31]) {
      await tab.go(`#index=${item}&view=walk&list=${key}`);
      const picks = rows[item];
      const closest = picks.slice(1).map((pick, k) => {
        const cosines = picks.slice(0, k + 1).map((earlier) => thousandths(matrix[earlier][pick]));
        const best = cosines.reduce((at, value, place) => (Number(value.replace("\u2212", "-"))
          > Number(cosines[at].replace("\u2212", "-")) ? place : at), 0);
        return `closest earlier pick: ${ids[picks[best]]} ${cosines[best]}`;
      });
      assert.deepEqual(await tab.evaluate(shown(".stop:not(.start) > .entry-head .name")), picks.map((pick) => ids[pick]));
      assert.deepEqual(await tab.evaluate(shown(".closest")), closest);

      await tab.go(`#index=${item}&view=heat&list=${key}`);
      const places = [item, ...picks];
      const label = (place) => (place === 0 ? "start" : String(place));
      assert.deepEqual(await tab.evaluate(`[...document.querySelectorAll(".heat td button")].map((cell) => cell.ariaLabel)`),
        places.flatMap((one, a) => places.flatMap((other, b) => (a === b ? []
          : [`${label(a)} and ${label(b)}: cosine ${thousandths(matrix[one][other])}`]))));
    }
  }
});

inTab("advice and figures are those of the report", async (tab) => {
  await tab.go("#view=advice");
  assert.equal(await tab.evaluate(oneOf(".advice")), `${collection.about.advice}.`);
  assert.deepEqual(await tab.evaluate(shown(".card .advice")), collection.lists.map(({ report }) =>
    `${report.advice.replace(/\bitem (\d+)/, (_, item) => `item ${ids[item]}`)}.`));
  for (const { key, report, rows } of collection.lists) {
    await tab.go(`#view=advice&list=${key}`);
    const cells = await tab.evaluate(`[...document.querySelectorAll("main table")].map((table) =>
      [...table.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)))`);
    const percent = (share) => `${(100 * share).toFixed(1)} %`;
    const both = (show) => [show(report.picks), show(report.random)];
    assert.deepEqual(cells[0].map(([, ...values]) => values), [
      both((figures) => figures.mean_rank.toFixed(1)), both((figures) => percent(figures.farthest_tenth)),
      both((figures) => percent(figures.nearest_tenth)), both((figures) => String(figures.distinct_items)),
      both((figures) => String(figures.unpicked_items)), both((figures) => percent(figures.most_frequent_share)),
      both((figures) => figures.mean_cosine.toFixed(3)), both((figures) => figures.greatest_cosine.toFixed(3)),
      both((figures) => percent(figures.rows_with_pair_above_0_9)),
    ]);
    assert.deepEqual(cells[1], report.picks.by_pick.map((pick, k) => [String(k + 1), pick.mean_rank.toFixed(1),
      percent(pick.farthest_tenth), percent(pick.nearest_tenth),
      String(new Set(rows.flatMap((row) => row.slice(0, k + 1))).size)]));
    const times = new Map();
    for (const pick of rows.flat()) times.set(pick, (times.get(pick) ?? 0) + 1);
    const most = [...times].sort(([a, x], [b, y]) => y - x || a - b).slice(0, 12);
    assert.deepEqual(await tab.evaluate(shown(".hubs .entry-head")),
      most.map(([item, number]) => `${ids[item]}in ${number} of ${collection.n} lists`));
  }
});

// Groups of two items or more that cosines above the threshold join, directly or through others.
function groupsAbove(matrix, threshold) {
  const root = matrix.map((_, k) => k);
  matrix.forEach((row, i) => row.forEach((cosine, j) => {
    if (j < i && cosine > threshold) {
      const [a, b] = [root[i], root[j]];
      root.forEach((value, k) => { if (value === a) root[k] = b; });
    }
  }));
  const found = new Map();
  root.forEach((value, k) => found.set(value, [...(found.get(value) ?? []), k]));
  return [...found.values()].filter((members) => members.length > 1).sort((a, b) => b.length - a.length || a[0] - b[0]);
}

inTab("near-duplicates are joined as all pairs would join them, and counted in the lists", async (tab) => {
  const { matrix, lists, n, about } = collection;
  for (let k = 80; k < 100; ++k) {
    await tab.go(`#view=duplicates&above=${(k / 100).toFixed(2)}`);
    const expected = groupsAbove(matrix, k / 100);
    const touched = (members) => lists[0].rows.filter((row) => row.filter((pick) => members.includes(pick)).length > 1).length;
    const items = expected.flat().length;
    if (k === 95) assert.deepEqual([items, expected.length], [about.near_duplicates.items, about.near_duplicates.groups]);
    const lists2 = lists[0].rows.filter((row) => expected.some((members) =>
      row.filter((pick) => members.includes(pick)).length > 1)).length;
    assert.equal(await tab.evaluate(oneOf(".summary")), expected.length === 0 ? "No two items are so alike."
      : `${items} items in ${expected.length} group${expected.length === 1 ? "" : "s"}, the largest of ${expected[0].length}; `
        + `${lists2} of ${n} lists hold two or more of one group.`);
    // Those of a large group come when they are asked for.
    await tab.evaluate(`Promise.all([...document.querySelectorAll(".card details")].map((details) => new Promise((resolve) => {
      details.addEventListener("toggle", () => setTimeout(resolve), { once: true });
      details.open = true;
    })))`);
    assert.deepEqual(await tab.evaluate(`[...document.querySelectorAll(".card")].map((card) =>
      [card.querySelector(".quiet").textContent, ...[...card.querySelectorAll(".name")].map((name) => name.textContent)])`),
    expected.map((members) => [`${members.length} items, together in ${touched(members)} list${touched(members) === 1 ? "" : "s"}`,
      ...members.map((item) => ids[item])]));
  }
});

inTab("the histograms count all pairs", async (tab) => {
  await tab.go("#view=similarity");
  const counted = await tab.evaluate(`[...document.querySelectorAll("details table")].map((table) =>
    [...table.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)))`);
  [collection.matrix, collection.centered].forEach((matrix, which) => {
    const bins = new Map();
    matrix.forEach((row, i) => row.subarray(0, i).forEach((cosine) => {
      const low = ((Math.min(99, Math.floor((cosine + 1) * 50)) - 50) / 50).toFixed(2);
      bins.set(low, (bins.get(low) ?? 0) + 1);
    }));
    assert.deepEqual(new Map(counted[which].filter(([, number]) => number !== "0")
      .map(([low, number]) => [low, Number(number.replace(/,/g, ""))])), new Map([...bins].sort((a, b) => a[0] - b[0])));
  });
});

inTab("every text, id and group stays text", async (tab) => {
  await tab.go("#q=");
  for (let item = 0; item < collection.n; ++item) {
    await tab.go(`#${new URLSearchParams({ item: ids[item] })}`);
    assert.deepEqual(await tab.evaluate(`[document.querySelector("h1 > bdi").textContent, document.querySelector("h1 .group").textContent,
      document.querySelector(".subject > .text").textContent]`), [ids[item], groups[item], texts[item]]);
  }
  for (const view of VIEWS) {
    await tab.go(view || "#");
    assert.equal(await tab.evaluate("window.hacked === undefined && document.querySelector('main :is(script, img, iframe, style, i, b)') === null"),
      true, view);
  }
});

inTab("of a long text its beginning is shown, and all of it on demand", async (tab) => {
  const height = "document.querySelector('.subject > .text').clientHeight";
  await tab.go("#index=13");
  assert.equal(await tab.evaluate("document.querySelector('.subject button')"), null);
  await tab.go("#index=12");
  const short = await tab.evaluate(height);
  assert.equal(await tab.evaluate(oneOf(".subject button")), "Show all of the text");
  await tab.evaluate("document.querySelector('.subject button').click()");
  assert.ok(await tab.evaluate(height) > 2 * short);
  await tab.evaluate("document.querySelector('.subject button').click()");
  assert.equal(await tab.evaluate(height), short);
});

inTab("right-to-left texts begin at the right", async (tab) => {
  await tab.go("#index=4");
  assert.deepEqual(await tab.evaluate(`[document.querySelector(".subject > .text").dir,
    document.querySelector(".subject > .text").matches(":dir(rtl)")]`), ["auto", true]);
});

inTab("the search finds by words and by id while one types, and its address can be sent", async (tab) => {
  await tab.evaluate("document.getElementById('search').focus()");
  await tab.send("Input.insertText", { text: "FLOCK numb" });
  const flock = texts.flatMap((text, item) => (text.includes("flock") ? [ids[item]] : []));
  assert.deepEqual(await tab.evaluate(shown(".entries .name")), flock);
  assert.equal(await tab.evaluate(oneOf("[role=status]")), `${flock.length} items found`);
  const address = await tab.evaluate("location.href");
  await tab.open(address);
  assert.deepEqual(await tab.evaluate(shown(".entries .name")), flock);
  await tab.go(`#${new URLSearchParams({ q: "item 59" })}`);
  assert.equal(await tab.evaluate(oneOf(".entries .name")), "item 59");
  await tab.go("#q=明月");
  assert.deepEqual(await tab.evaluate(shown(".entries .name")), [ids[6]]);
  await tab.go("#q=nowhere+at+all");
  assert.equal(await tab.evaluate("document.querySelectorAll('.entry').length"), 0);
});

inTab("back and forward go where one was", async (tab) => {
  await tab.go("#index=20");
  await tab.go("#index=21&view=walk");
  await tab.evaluate("document.querySelector('.stop .entry-head a').click()");
  const third = await tab.evaluate("location.hash");
  const heading = oneOf("h1 > bdi");
  const arrive = (hash, name) => tab.until(`location.hash === ${JSON.stringify(hash)} && (${heading}) === ${JSON.stringify(name)}`);
  const name = await tab.evaluate(heading);
  assert.equal(new URLSearchParams(third.slice(1)).get("item"), name);
  await tab.evaluate("history.back()");
  await arrive("#index=21&view=walk", ids[21]);
  await tab.evaluate("history.back()");
  await arrive("#index=20", ids[20]);
  await tab.evaluate("history.go(2)");
  await arrive(third, name);
});

inTab("all is done by keyboard", async (tab) => {
  const focused = "document.activeElement";
  await tab.press("Tab");
  assert.equal(await tab.evaluate(`${focused}.textContent`), "Skip to the content");
  await tab.press("Enter");
  assert.equal(await tab.evaluate(`${focused}.id`), "main");
  await tab.press("/", "Slash", "/");
  assert.equal(await tab.evaluate(`${focused}.id`), "search");
  await tab.send("Input.insertText", { text: "item 20" });
  await tab.press("Enter");
  for (let k = 0; k < 10 && !(await tab.evaluate(`${focused}.matches("a.name")`)); ++k) await tab.press("Tab");
  await tab.press("Enter");
  await tab.until(`(${oneOf(".subject h1 > bdi")}) === "item 20"`);
  assert.equal(await tab.evaluate(`${focused}.tagName`), "H1");
  const reach = async (text) => {
    for (let k = 0; k < 60; ++k) {
      await tab.press("Tab");
      if (await tab.evaluate(`${focused}.textContent === ${JSON.stringify(text)}`)) return;
    }
    assert.fail(`${text} is out of reach`);
  };
  await reach("Heat map");
  await tab.press("Enter");
  await tab.until("document.querySelector('.heat') !== null");
  for (let k = 0; k < 60 && !(await tab.evaluate(`${focused}.matches(".heat td button")`)); ++k) await tab.press("Tab");
  await tab.press("ArrowRight");
  await tab.press("ArrowDown");
  const row = collection.lists.find(({ key }) => key === "centroid-centered").rows[20];
  assert.equal(await tab.evaluate(`${focused}.ariaLabel`), `1 and 2: cosine ${thousandths(collection.matrix[row[0]][row[1]])}`);
  assert.deepEqual(await tab.evaluate(shown(".pair .name")), [ids[row[0]], ids[row[1]]]);

  await tab.go("#view=duplicates");
  await tab.evaluate("document.getElementById('above').focus()");
  await tab.press("ArrowLeft");
  assert.equal(await tab.evaluate("document.querySelector('output').textContent + location.hash"), "0.94#view=duplicates&above=0.94");
});

for (const [name, size] of [["a phone", { width: 360, height: 740 }], ["a wide screen", { width: 1920, height: 1080 }]]) {
  for (const dark of [false, true]) {
    inTab(`on ${name}, ${dark ? "dark" : "light"}: nothing sticks out, and axe finds no serious fault`, async (tab) => {
      for (const view of VIEWS) {
        await tab.go(view || "#");
        assert.equal(await tab.evaluate("document.documentElement.scrollWidth"), size.width, view);
        const light = await tab.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])");
        assert.equal(light < 128, dark);
        const faults = await tab.evaluate(`(async () => { if (!window.axe) { ${axe}; }
          const { violations } = await axe.run(document);
          return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
            .map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => html.slice(0, 200) + failureSummary)]); })()`);
        assert.deepEqual(faults, [], view);
      }
    }, { size, dark });
  }
}

inTab("lists that are shortened, so that the page stays small, are said to be", async (tab) => {
  const note = await tab.evaluate(oneOf("main .note"));
  const [, shown, usual, items] = note.match(/^Lists show (\d+) items each, not (\d+), so that this page of (\d+) items stays below 0\.06 MB\.$/);
  assert.deepEqual([Number(usual), Number(items)], [PICKS, collection.n]);
  assert.ok(shown >= 3 && shown < PICKS, note);
  assert.ok(collection.shortNotes.includes(`note: ${note}`), collection.shortNotes);
  assert.ok(statSync(collection.short).size < SHORT_BYTES);
  await tab.go("#index=20&view=orders");
  for (const { key, rows } of collection.lists) {
    assert.deepEqual(await tab.evaluate(shownOf(key)), rows[20].slice(0, shown).map((pick) => ids[pick]));
  }
  // All items are there.
  await tab.go("#q=");
  assert.equal(await tab.evaluate(oneOf("[role=status]")), `All ${collection.n} items`);
}, { url: () => pathToFileURL(collection.short).href });

test("the page's policy lets nothing else run or load", async () => {
  const tab = await browser.page(WIDE);
  await tab.open(fromDisk);
  await tab.evaluate(`(() => { const script = document.createElement("script"); script.textContent = "window.hacked = 1";
    document.body.append(script); })()`);
  const refused = await tab.evaluate(`fetch("${overHttp}").then(() => false, () => true)`);
  assert.deepEqual([await tab.evaluate("window.hacked === undefined"), refused], [true, true]);
  await tab.close();
});

test("numbers are rounded as the commands round them, ties too", async () => {
  const { fixed } = await import(`data:text/javascript,${encodeURIComponent(readFileSync(FORMAT, "utf8"))}`);
  const values = [88.25, 0.25, 0.35, 0.75, -0.0625, 0.0625, 0.1875, 1 / 3, 99.95, 12.345];
  const printed = execFileSync("luajit", ["-e", "for _, text in ipairs(arg) do print(('%.1f %.3f'):format(text, text)) end", "-",
    ...values.map(String)], { encoding: "utf8", input: "" });
  assert.deepEqual(values.map((value) => `${fixed(value, 1)} ${fixed(value, 3)}`), printed.trim().split("\n"));
});

test("lists are as many as are promised", () => {
  assert.equal(collection.lists.length, LISTS.length);
  assert.equal(collection.lists[0].rows[0].length, PICKS);
});
