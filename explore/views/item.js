import * as address from "../address.js";
import { h } from "../dom.js";
import { cosine, listDetail, listKey, listName, listPurpose } from "../format.js";
import { heatMap } from "../heat_map.js";
import { choice, findList, itemGroup, itemLink, listChoice, measures, pickList, wholeText } from "../parts.js";

const VIEWS = [["", "Like and unlike"], ["walk", "Trail"], ["orders", "Side by side"], ["heat", "Heat map"]];

const isLike = (list) => list.order === "toward" && !list.centered;
const isFar = (list) => list.order === "away" && list.lambda < 1 && list.centered;
const isTour = (list) => list.order === "centroid" && list.centered;

function likeAndFar(data, item) {
  const lists = [findList(data, null, isLike), findList(data, null, isFar)];
  return h("div", { class: "columns two" }, lists.map((list) => pickList(data, list, item)));
}

// The earlier pick that is the most similar to pick k.
function closestEarlier(data, list, item, k) {
  let best = null;
  for (let a = 0; a < k; ++a) {
    const value = data.pairCosine(list, item, a, k);
    if (best === null || value > best.cosine) best = { place: a, cosine: value };
  }
  return best;
}

function trail(data, item, parts) {
  const list = findList(data, parts.list, parts.list ? undefined : isTour);
  const what = data.facts.lists[list];
  const row = data.row(list, item);
  const own = { ...address.ofItem(data, item), view: "walk" };
  return [
    listChoice(data, "List", list, (key) => address.write({ ...own, list: key })),
    h("section", {},
      h("h2", {}, listName(what)), h("p", { class: "detail" }, listDetail(what)), h("p", { class: "lead" }, listPurpose(what)),
      h("ol", { class: "trail" },
        h("li", { class: "stop start" }, h("p", { class: "entry-head" }, h("span", { class: "name" },
          h("bdi", {}, data.name(item))), h("span", { class: "quiet" }, "the start"))),
        row.map((pick, k) => {
          const closest = closestEarlier(data, list, item, k);
          return h("li", { class: "stop" },
            h("p", { class: "entry-head" }, h("span", { class: "number", "aria-hidden": "true" }, k + 1),
              itemLink(data, pick.item, { view: "walk", list: listKey(what) }), itemGroup(data, pick.item)),
            wholeText(data, pick.item), measures(pick),
            closest && h("p", { class: "quiet closest" }, "closest earlier pick: ",
              itemLink(data, row[closest.place].item), ` ${cosine(closest.cosine)}`));
        }))),
  ];
}

function sideBySide(data, item) {
  return [false, true].map((centered) => {
    const lists = data.facts.lists.map((list, k) => [list, k]).filter(([list]) => list.centered === centered);
    return lists.length > 0 && h("section", {},
      h("h2", {}, centered ? "Centred" : "Not centred"),
      h("div", { class: "columns many" }, lists.map(([, k]) => pickList(data, k, item, "h3"))));
  });
}

function heat(data, item, parts) {
  const list = findList(data, parts.list, parts.list ? undefined : isTour);
  const own = { ...address.ofItem(data, item), view: "heat" };
  return [listChoice(data, "List", list, (key) => address.write({ ...own, list: key })), heatMap(data, list, item)];
}

const scale = () => h("p", { class: "detail" }, "With each pick: its cosine to this item, and the rank of that among all items,"
  + " from 0, the farthest, to 100, the nearest.");

export function itemView(data, parts) {
  const item = address.itemOf(data, parts);
  if (item < 0) {
    return {
      title: "No such item",
      nodes: [h("h1", { tabindex: -1 }, "No such item"),
        h("p", {}, "None is called “", h("bdi", {}, parts.item ?? parts.index), "”. Search for it, or see ",
          h("a", { href: "#" }, "all items"), ".")],
    };
  }
  const view = VIEWS.some(([name]) => name === parts.view) ? parts.view : "";
  const own = address.ofItem(data, item);
  const draw = { walk: trail, orders: sideBySide, heat }[view] ?? likeAndFar;
  return {
    title: data.name(item),
    nodes: [
      h("article", { class: "subject" },
        h("h1", { tabindex: -1 }, h("bdi", {}, data.name(item)), " ", itemGroup(data, item)), wholeText(data, item, "text full")),
      choice("Views of this item", VIEWS.map(([name, label]) => (
        { name: label, href: address.write({ ...own, view: name }), chosen: name === view }))),
      draw !== heat && scale(),
      draw(data, item, parts),
    ],
  };
}
