import * as address from "../address.js";
import { h, svg } from "../dom.js";
import { count, fixed, plural } from "../format.js";
import { heatMap } from "../heat_map.js";
import { findList, itemLink, listChoice, table } from "../parts.js";

const WIDTH = 640, HEIGHT = 150, BOTTOM = 22;

function histogram(title, bins, from, to, most) {
  const shown = bins.slice(from, to);
  const pairs = bins.reduce((sum, value) => sum + value, 0);
  const width = WIDTH / shown.length;
  const low = (k) => ((k - 50) / 50);
  const bars = shown.map((value, k) => {
    const height = (value / most) * (HEIGHT - BOTTOM - 4);
    return svg("rect", { class: "bin", x: k * width + 0.5, y: HEIGHT - BOTTOM - height, width: width - 1, height },
      svg("title", {}, `${fixed(low(from + k), 2)} to ${fixed(low(from + k + 1), 2)}: ${plural(value, "pair")}`));
  });
  const ticks = shown.map((_, k) => from + k).filter((k) => k % 20 === 10).map((k) =>
    svg("text", { class: "axis", x: (k - from) * width, y: HEIGHT - 6, "text-anchor": k === from ? "start" : "middle" },
      fixed(low(k), 1)));
  return h("section", {}, h("h3", {}, title),
    h("p", { class: "detail" }, `${plural(pairs, "pair")}; the highest bar has ${count(Math.max(...bins))}`),
    svg("svg", { class: "chart wide", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": `${title}: how the cosines of ${count(pairs)} pairs are spread; the table below has the numbers` },
    bars, svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }), ticks,
    svg("text", { class: "axis", x: WIDTH, y: HEIGHT - 6, "text-anchor": "end" }, "cosine")),
    h("details", {}, h("summary", {}, "Numbers"), table(`${title}, ${plural(pairs, "pair")}`, ["cosine from", "pairs"],
      shown.map((value, k) => [fixed(low(from + k), 2), count(value)]))));
}

export function similarityView(data, parts) {
  const { histogram: spread } = data.facts;
  const both = [...spread.uncentered.keys()].filter((k) => spread.uncentered[k] > 0 || spread.centered[k] > 0);
  const from = Math.floor(both[0] / 5) * 5, to = Math.min(100, Math.ceil((both.at(-1) + 1) / 5) * 5);
  const most = Math.max(...spread.uncentered, ...spread.centered);
  const named = address.itemOf(data, parts);
  const item = named === null || named < 0 ? 0 : named;
  const list = findList(data, parts.list);
  const own = { ...address.ofItem(data, item), view: "similarity" };
  return {
    title: "Similarity",
    nodes: [
      h("h1", { tabindex: -1 }, "Similarity"),
      h("section", {}, h("h2", {}, "How alike two items are"),
        h("p", { class: "lead" }, "All pairs, by their cosine. Where the first hill lies far from 0, items have much in common, and centring takes that away."),
        h("div", { class: "columns two" }, histogram("As they are", spread.uncentered, from, to, most),
          histogram("Centred", spread.centered, from, to, most))),
      h("section", {}, h("h2", {}, "How alike the picks of one list are"),
        h("p", {}, "Of ", itemLink(data, item), ". Other items have such a map on their pages."),
        listChoice(data, "List", list, (key) => address.write({ ...own, list: key })), heatMap(data, list, item)),
    ],
  };
}
