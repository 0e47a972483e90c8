// A small collection with everything that could go wrong in it, its page, and what the library says of it by its other
// commands.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
export const PICKS = 10;
export const SHORT_BYTES = 60000;
const N = 60, D = 8;

// In the order of the page.
export const LISTS = [
  { key: "neighbors" },
  { key: "toward-0.7", order: "toward", lambda: 0.7 },
  { key: "away-1", order: "away", lambda: 1 },
  { key: "away-0.5-centered", order: "away", lambda: 0.5, centered: true },
  { key: "centroid-centered", order: "centroid", centered: true },
  { key: "centroid", order: "centroid" },
  { key: "away-0.5", order: "away", lambda: 0.5 },
  { key: "toward-0.7-centered", order: "toward", lambda: 0.7, centered: true },
];

const HOSTILE = [
  "</script><script>window.hacked = 1</script>",
  '<img src="http://127.0.0.1:9/x.png" onerror="window.hacked = 1">',
  "\"quotes\" 'single' `back` & &amp; \\ \\u003c {{braces}} ${dollar}",
  "line\u2028separator\u2029and\ttab\nnew line",
  "שלום עולם, זה טקסט מימין לשמאל (with English).",
  "مرحبا بالعالم",
  "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。",
  "👩‍👩‍👧‍👦 emoji 🏳️‍🌈 and é combining é",
  "<!-- comment --><style>body{display:none}</style><!-- data -->",
  "javascript:alert(1)",
  "",
  "x".repeat(4000),
  `${"a long text, with words, ".repeat(200)}end`,
];
const HOSTILE_IDS = ["<b>bold</b>", "a&b=c#d", "with space/slash?query", "ä ö 床", "\"quoted\"", "100%", "7", "item=9&view=heat"];

export const texts = Array.from({ length: N }, (_, k) => HOSTILE[k] ?? `text number ${k}, of a shepherd${k % 3 ? "" : " and a flock"}`);
export const ids = Array.from({ length: N }, (_, k) => HOSTILE_IDS[k] ?? `item ${k}`);
export const groups = ids.map((_, k) => (k % 2 ? "odd" : "even <i>"));

// The same ones in every run: items of all directions with much in common, some of them twice, some nearly so.
function embeddings() {
  let state = 12345;
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647 - 0.5;
  const rows = Array.from({ length: N }, () => Array.from({ length: D }, (_, k) => Math.fround(random() + (k === 0 ? 0.4 : 0))));
  for (let k = 30; k < 36; ++k) rows[k] = [...rows[k - 20]];
  for (let k = 36; k < 48; ++k) rows[k] = rows[k - 20].map((value) => Math.fround(value + 0.08 * random()));
  return rows;
}

function run(program, ...words) {
  return execFileSync(program, words, { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 28, stdio: ["ignore", "pipe", "inherit"] });
}
const vulkanCompute = (...words) => run("bin/vulkan-compute", ...words, "--device", "llvmpipe", "--quiet");

export function make() {
  const folder = mkdtempSync(join(tmpdir(), "explore-test-"));
  const path = (name) => join(folder, name);
  const lines = (list) => list.map((line) => `${JSON.stringify(line)}\n`).join("");
  writeFileSync(path("e.json"), JSON.stringify({ embeddings: embeddings().map((embedding, k) => ({ id: ids[k], embedding })) }));
  writeFileSync(path("texts.jsonl"), lines(texts.map((text, k) => ({ id: ids[k], text })).reverse()));
  writeFileSync(path("groups.jsonl"), lines(groups.map((group) => ({ group }))));
  const expected = JSON.parse(run("luajit", "tests/explore/expected.lua", JSON.stringify(LISTS), path("e.json"),
    String(PICKS), "llvmpipe"));
  const float32 = (rows) => rows.map((row) => Float32Array.from(row));
  // One list comes from a cache.
  vulkanCompute("cache", path("e.json"), path("away.npy"), "--order", "away", "--lambda", "0.5", "--center");
  vulkanCompute("explore", path("e.json"), "--texts", path("texts.jsonl"), "--groups", path("groups.jsonl"), "-o",
    path("page.html"), "--cache", path("away.npy"));
  // A page that may not grow so large: it has shorter lists.
  const short = path("short.html");
  const said = spawnSync("luajit", ["tests/explore/limited.lua", String(SHORT_BYTES), path("e.json"), path("texts.jsonl"),
    short, "llvmpipe"], { cwd: ROOT, encoding: "utf8" });
  if (said.status !== 0) throw new Error(said.stderr);
  return {
    short, shortNotes: said.stderr, ...expected, n: N, matrix: float32(expected.matrix), centered: float32(expected.centered), page: path("page.html"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

// With three decimals, as the commands print them.
export function thousandths(value) {
  return value.toFixed(3).replace(/^-(0\.000)$/, "$1").replace("-", "\u2212");
}

export function rankOf(matrix, start, item) {
  const others = [...matrix[start]].filter((_, j) => j !== start);
  const below = others.filter((value) => value < matrix[start][item]).length;
  const equal = others.filter((value) => value === matrix[start][item]).length;
  return ((100 * (below + (equal - 1) / 2)) / (others.length - 1)).toFixed(1);
}
