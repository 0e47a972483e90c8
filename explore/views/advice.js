import * as address from "../address.js";
import { h, withProperty } from "../dom.js";
import { count, fixed, listDetail, listKey, listName, listPurpose, percent, plural } from "../format.js";
import { advice, findList, growing, itemLink, itemText, lineChart, listChoice, table } from "../parts.js";

const HUBS = 12, UNPICKED_AT_ONCE = 24;

const hrefOf = (key) => address.write({ view: "advice", list: key });
const values = (figures, member) => figures.by_pick.map((pick) => pick[member]);

function rankChart(list, random) {
  const ranks = values(list.figures, "mean_rank");
  return lineChart({
    label: `Mean rank to the start by pick: ${ranks.map((rank) => fixed(rank, 1)).join(", ")}; of random picks about 50`,
    most: 100,
    series: [{ values: values(random, "mean_rank"), className: "random" }, { values: ranks, className: "own" }],
  });
}

function coverageChart(data, list, random) {
  const share = (figures) => values(figures, "distinct_items").map((items) => (100 * items) / data.n);
  return lineChart({
    label: `Items among the first picks: ${values(list.figures, "distinct_items").map(count).join(", ")} of ${count(data.n)}`,
    most: 100, unit: " %",
    series: [{ values: share(random), className: "random" }, { values: share(list.figures), className: "own" }],
  });
}

const legend = () => h("p", { class: "legend" }, h("span", { class: "key own" }), "this list ",
  h("span", { class: "key random" }), "random picks");

function collectionSection(data) {
  const { collection } = data.facts;
  const { norms } = collection;
  const rows = [
    ["length of the mean unit vector", fixed(collection.mean_unit_vector_length, 3)],
    ["exact duplicates", `${plural(collection.duplicates.items, "item")} in ${plural(collection.duplicates.groups, "group")}`],
    [`items with a cosine above ${collection.near_duplicates.threshold}`,
      `${plural(collection.near_duplicates.items, "item")} in ${plural(collection.near_duplicates.groups, "group")}`],
    ["rows that are all zero", count(collection.zero_rows.length)],
  ];
  if (norms) rows.push(["norms", `${Number(norms.least.toPrecision(6))} to ${Number(norms.greatest.toPrecision(6))}`]);
  return h("section", {}, h("h2", {}, "Should I centre?"),
    advice(data, collection.advice), table("What the embeddings are like", ["figure", "value"], rows));
}

function listCard(data, list, random) {
  const { figures } = list;
  return h("li", { class: "card" },
    h("h3", {}, h("a", { href: hrefOf(listKey(list)) }, listName(list))), h("p", { class: "detail" }, listDetail(list)),
    h("p", { class: "quiet" }, "mean rank to the start, by pick"), rankChart(list, random),
    h("dl", { class: "figures" },
      [["farthest tenth", percent(figures.farthest_tenth)], ["nearest tenth", percent(figures.nearest_tenth)],
        ["never picked", count(figures.unpicked_items)], ["most frequent, in", `${percent(figures.most_frequent_share)} of lists`]]
        .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    advice(data, list.advice));
}

function hubs(data, k) {
  const items = Array.from({ length: data.n }, (_, item) => item);
  items.sort((a, b) => data.timesPicked(k, b) - data.timesPicked(k, a) || a - b);
  const most = data.timesPicked(k, items[0]);
  return h("section", {}, h("h2", {}, "Picked most often"),
    h("ol", { class: "hubs" }, items.slice(0, HUBS).map((item) => h("li", {},
      h("p", { class: "entry-head" }, itemLink(data, item),
        h("span", { class: "quiet" }, `in ${count(data.timesPicked(k, item))} of ${plural(data.n, "list")}`)),
      withProperty(h("span", { class: "bar", "aria-hidden": "true" }), "--share", data.timesPicked(k, item) / most),
      itemText(data, item, "text clamped")))));
}

function unpicked(data, k) {
  const items = Array.from({ length: data.n }, (_, item) => item).filter((item) => data.timesPicked(k, item) === 0);
  return h("section", {}, h("h2", {}, "Picked nowhere"),
    h("p", { class: "quiet" }, items.length === 0 ? "Every item is in some list." : `${plural(items.length, "item")} of ${count(data.n)}`),
    items.length > 0 && growing(items, UNPICKED_AT_ONCE, (item) => h("li", { class: "entry" },
      h("p", { class: "entry-head" }, itemLink(data, item)), itemText(data, item, "text clamped")),
    h("ul", { class: "entries tiles" })));
}

function ofList(data, k) {
  const { facts } = data;
  const list = facts.lists[k];
  const { figures } = list;
  const { random } = facts;
  const beside = [
    ["mean rank", fixed(figures.mean_rank, 1), fixed(random.mean_rank, 1)],
    ["in the farthest tenth", percent(figures.farthest_tenth), percent(random.farthest_tenth)],
    ["in the nearest tenth", percent(figures.nearest_tenth), percent(random.nearest_tenth)],
    ["distinct items", count(figures.distinct_items), count(random.distinct_items)],
    ["items never picked", count(figures.unpicked_items), count(random.unpicked_items)],
    ["lists with the most frequent item", percent(figures.most_frequent_share), percent(random.most_frequent_share)],
  ];
  if (figures.pairs) {
    beside.push(["mean cosine between picks", fixed(figures.mean_cosine, 3), fixed(random.mean_cosine, 3)],
      ["greatest cosine between picks", fixed(figures.greatest_cosine, 3), fixed(random.greatest_cosine, 3)],
      ["lists with a pair above 0.9", percent(figures.rows_with_pair_above_0_9), percent(random.rows_with_pair_above_0_9)]);
  }
  return {
    title: `${listName(list)}, ${listDetail(list)}`,
    nodes: [
      h("h1", { tabindex: -1 }, listName(list)), h("p", { class: "detail" }, listDetail(list)),
      h("p", { class: "lead" }, listPurpose(list)),
      h("p", { class: "back" }, h("a", { href: "#view=advice" }, "All lists")),
      listChoice(data, "List", k, hrefOf),
      advice(data, list.advice),
      h("div", { class: "columns two" },
        h("section", {}, h("h2", {}, "Mean rank to the start, by pick"), rankChart(list, random), legend()),
        h("section", {}, h("h2", {}, "Share of items that the first picks reach"), coverageChart(data, list, random), legend())),
      h("div", { class: "columns two" }, table("Figures beside those of random picks", ["", "this list", "random"], beside),
        table("By pick", ["pick", "mean rank", "farthest tenth", "nearest tenth", "items so far"],
          figures.by_pick.map((pick, place) => [place + 1, fixed(pick.mean_rank, 1), percent(pick.farthest_tenth),
            percent(pick.nearest_tenth), count(pick.distinct_items)]))),
      hubs(data, k), unpicked(data, k),
    ],
  };
}

export function adviceView(data, parts) {
  const { facts } = data;
  if (parts.list) return ofList(data, findList(data, parts.list));
  return {
    title: "Advice",
    nodes: [
      h("h1", { tabindex: -1 }, "Advice"),
      h("p", { class: "lead" }, "What pages made of these lists would show. Rank 0 is the farthest of all items, 100 the nearest; random picks have 50."),
      collectionSection(data),
      h("section", {}, h("h2", {}, "Which order?"), legend(),
        h("ul", { class: "cards" }, facts.lists.map((list) => listCard(data, list, facts.random)))),
    ],
  };
}
