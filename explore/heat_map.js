// The cosines among a start and its picks, as a grid of cells. Each is a button that shows both texts; arrow keys go from
// cell to cell.

import { h, withProperty } from "./dom.js";
import { cosine, listDetail, listName } from "./format.js";
import { itemLink, wholeText } from "./parts.js";

// The cosine, in thousandths, of places a and b: 0 is the start, k the k-th pick.
function cosineAt(data, list, item, row, a, b) {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === 0 ? row[high - 1].cosine : data.pairCosine(list, item, low - 1, high - 1);
}

const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export function heatMap(data, list, item) {
  const row = data.row(list, item);
  const places = [item, ...row.map((pick) => pick.item)];
  const cells = places.map(() => []);
  const detail = h("div", { class: "pair", "aria-live": "polite" });

  function show(a, b) {
    for (const old of detail.parentElement?.querySelectorAll('[aria-pressed="true"]') ?? []) {
      old.setAttribute("aria-pressed", "false");
    }
    cells[a][b].setAttribute("aria-pressed", "true");
    detail.replaceChildren(
      h("p", { class: "pair-cosine" }, h("span", { class: "quiet" }, "cosine "), cosine(cosineAt(data, list, item, row, a, b))),
      ...[a, b].map((place) => h("div", {},
        h("p", { class: "entry-head" }, itemLink(data, places[place]),
          h("span", { class: "quiet" }, place === 0 ? "the start" : `pick ${place}`)),
        wholeText(data, places[place]))));
  }

  function reach(a, b) {
    for (const other of cells.flat()) other?.setAttribute("tabindex", "-1");
    cells[a][b].setAttribute("tabindex", "0");
    cells[a][b].focus();
    show(a, b);
  }

  function move(event, a, b) {
    const step = MOVES[event.key];
    if (!step) return;
    event.preventDefault();
    let [down, across] = [a + step[0], b + step[1]];
    if (down === across) [down, across] = [down + step[0], across + step[1]];
    if (cells[down]?.[across]) reach(down, across);
  }

  const label = (place) => (place === 0 ? "start" : String(place));
  const rows = places.map((_, a) => h("tr", {}, h("th", { scope: "row" }, label(a)), places.map((_, b) => {
    if (a === b) return h("td", { class: "self" });
    const value = cosineAt(data, list, item, row, a, b);
    cells[a][b] = withProperty(h("button", {
      type: "button", tabindex: a === 0 && b === 1 ? 0 : -1, "aria-pressed": "false",
      "aria-label": `${label(a)} and ${label(b)}: cosine ${cosine(value)}`,
      onclick: () => reach(a, b), onkeydown: (event) => move(event, a, b),
    }, h("span", { "aria-hidden": "true" }, places.length <= 12 ? cosine(value).replace("0.", ".") : "")),
    "--share", Math.max(0, value) / 1000);
    return h("td", {}, cells[a][b]);
  })));
  const what = data.facts.lists[list];
  // (A caption would be as wide as the table, which may be wider than a phone.)
  const map = h("div", { class: "heat" },
    h("div", {},
      h("p", { class: "quiet", id: "heat-name" }, `Cosines among the start and its picks: ${listName(what)}, `
        + `${listDetail(what)}. Arrow keys go from cell to cell.`),
      h("div", { class: "scroll" }, h("table", { class: places.length > 12 ? "dense" : "", "aria-labelledby": "heat-name" },
        h("thead", {}, h("tr", {}, h("td"), places.map((_, b) => h("th", { scope: "col" }, label(b))))),
        h("tbody", {}, rows))),
      h("p", { class: "scale quiet", "aria-hidden": "true" }, "0 or less", h("span", { class: "ramp" }), "1")), detail);
  if (places.length > 1) show(0, 1);
  return map;
}
