// What several views are made of.

import * as address from "./address.js";
import { h, svg, withProperty } from "./dom.js";
import { cosine, listDetail, listKey, listName, plural, rank } from "./format.js";

export function itemLink(data, item, parts = {}) {
  return h("a", { class: "name", href: address.write({ ...address.ofItem(data, item), ...parts }) },
    h("bdi", {}, data.name(item)));
}

export function itemText(data, item, className = "text") {
  const text = data.text(item);
  return text !== null && h("p", { class: className, dir: "auto" }, text);
}

const LONG = 900, LONG_LINES = 12;

// An item's text, which may be a book: then its beginning, and a button for all of it.
export function wholeText(data, item, className = "text") {
  const text = itemText(data, item, className);
  if (!text || (text.textContent.length < LONG && text.textContent.split("\n").length < LONG_LINES)) return text;
  text.classList.add("clamped");
  const button = h("button", {
    type: "button", class: "more", "aria-expanded": "false",
    onclick: () => {
      const isCut = text.classList.toggle("clamped");
      button.textContent = isCut ? "Show all of the text" : "Show its beginning";
      button.setAttribute("aria-expanded", String(!isCut));
    },
  }, "Show all of the text");
  return [text, button];
}

// A sentence of advice: what is to be typed in it is not broken, and an item, which it tells by its index, is a link.
export function advice(data, sentence) {
  const parts = sentence.split(/(--[a-z]+(?: (?:away|toward|\d[\d.]*))?|(?<=\bitem )\d+)/);
  return h("p", { class: "advice" }, parts.map((part, k) => {
    if (k % 2 === 0) return part;
    return part.startsWith("--") ? h("code", {}, part) : itemLink(data, Number(part));
  }), ".");
}

export function itemGroup(data, item) {
  const group = data.group(item);
  return group !== null && h("bdi", { class: "group" }, group);
}

// Where between the farthest, 0, and the nearest, 100, a pick is.
export function rankTrack(tenths) {
  return withProperty(h("span", { class: "track", "aria-hidden": "true" }), "--at", tenths / 1000);
}

export function measures(pick) {
  return h("p", { class: "measures" }, rankTrack(pick.rank),
    h("span", { class: "cosine", title: "cosine to the start" }, h("span", { class: "hidden" }, "cosine "),
      cosine(pick.cosine)),
    h("span", { class: "rank", title: "0: the farthest of all, 100: the nearest" }, "rank ", rank(pick.rank)));
}

export function pickEntry(data, pick, number) {
  return h("li", { class: "entry" },
    h("p", { class: "entry-head" }, number && h("span", { class: "number", "aria-hidden": "true" }, number),
      itemLink(data, pick.item), itemGroup(data, pick.item)),
    itemText(data, pick.item, "text clamped"), measures(pick));
}

// A list's picks below its name.
export function pickList(data, list, item, heading = "h2") {
  const what = data.facts.lists[list];
  return h("section", { class: "column", "data-list": listKey(what) },
    h(heading, {}, listName(what)), h("p", { class: "detail" }, listDetail(what), what.from_cache && ", from a cache"),
    h("ol", { class: "entries" }, data.row(list, item).map((pick) => pickEntry(data, pick))));
}

// Links that choose one of some; the chosen one is marked.
export function choice(label, options) {
  return h("nav", { class: options[0].detail ? "choice lists" : "choice", "aria-label": label }, options.map((option) =>
    h("a", { href: option.href, "aria-current": option.chosen ? "page" : undefined }, option.name,
      option.detail && h("small", {}, option.detail))));
}

export function listChoice(data, label, chosen, hrefOf, isOffered = () => true) {
  const offered = data.facts.lists.map((list, k) => [list, k]).filter(([list]) => isOffered(list));
  return choice(label, offered.map(([list, k]) => (
    { name: listName(list), detail: listDetail(list), href: hrefOf(listKey(list)), chosen: k === chosen })));
}

// The list that an address names, or else the first that fits.
export function findList(data, key, fits = () => true) {
  const lists = data.facts.lists;
  const named = lists.findIndex((list) => listKey(list) === key && fits(list));
  if (named >= 0) return named;
  const fitting = lists.findIndex(fits);
  return fitting >= 0 ? fitting : 0;
}

// Shows the first of many, and more of them on demand.
export function growing(items, atOnce, draw, listElement) {
  let shown = 0;
  const button = h("button", { type: "button", class: "more" });
  function grow() {
    const from = listElement.childElementCount;
    listElement.append(...items.slice(shown, shown + atOnce).map(draw));
    shown = Math.min(items.length, shown + atOnce);
    button.hidden = shown >= items.length;
    button.textContent = `Show more of ${plural(items.length, "entry", "entries")}`;
    return listElement.children[from];
  }
  button.addEventListener("click", () => grow()?.querySelector("a, button")?.focus());
  grow();
  return [listElement, button];
}

// ---- Charts: lines by pick. What they show is in a table, too. ----

const WIDTH = 320, HEIGHT = 150, LEFT = 34, RIGHT = 8, TOP = 8, BOTTOM = 22;

export function lineChart({ label, series, most, unit = "" }) {
  const points = series[0].values.length;
  const x = (k) => LEFT + (points === 1 ? 0.5 : k / (points - 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => TOP + (1 - value / most) * (HEIGHT - TOP - BOTTOM);
  const lines = [0, 0.5, 1].map((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share * most), y2: y(share * most) }),
    svg("text", { class: "axis", x: LEFT - 5, y: y(share * most) + 3.5, "text-anchor": "end" },
      `${Number((share * most).toPrecision(3))}${unit}`),
  ]);
  const ticks = [0, points - 1].filter((k, at, all) => all.indexOf(k) === at).map((k) =>
    svg("text", { class: "axis", x: x(k), y: HEIGHT - 6, "text-anchor": k === 0 ? "start" : "end" }, `pick ${k + 1}`));
  const curves = series.map(({ values, className }) => [
    svg("polyline", { class: `curve ${className}`, points: values.map((value, k) => `${x(k)},${y(value)}`).join(" ") }),
    className === "own" && values.map((value, k) => svg("circle", { class: "point", cx: x(k), cy: y(value), r: 2.6 })),
  ]);
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    lines, ticks, curves);
}

export function table(caption, head, rows) {
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, cell)))),
      h("tbody", {}, rows.map(([first, ...rest]) =>
        h("tr", {}, h("th", { scope: "row" }, first), rest.map((cell) => h("td", {}, cell)))))));
}
