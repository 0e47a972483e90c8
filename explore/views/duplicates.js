import * as address from "../address.js";
import { h } from "../dom.js";
import { count, listDetail, listName, plural } from "../format.js";
import { growing, itemLink, itemText } from "../parts.js";

const DEFAULT = 0.95, STEP = 0.01, AT_ONCE = 24, SHOWN_MEMBERS = 4, LINKS_AT_ONCE = 200;

// Groups of two items or more that cosines above the threshold join; the largest first.
export function groupsAbove(data, threshold) {
  const { first, second, cosine } = data.near;
  const parent = new Uint32Array(data.n).map((_, item) => item);
  const rootOf = (item) => {
    while (parent[item] !== item) item = parent[item] = parent[parent[item]];
    return item;
  };
  const joined = new Set();
  // (The greatest cosines come first. They are float32, as in the library, and so is the comparison.)
  for (let k = 0; k < cosine.length && cosine[k] > threshold; ++k) {
    const [a, b] = [rootOf(first[k]), rootOf(second[k])];
    parent[Math.max(a, b)] = Math.min(a, b);
    joined.add(first[k]).add(second[k]);
  }
  const members = new Map();
  for (const item of [...joined].sort((a, b) => a - b)) {
    const root = rootOf(item);
    if (!members.has(root)) members.set(root, []);
    members.get(root).push(item);
  }
  return [...members.values()].sort((a, b) => b.length - a.length || a[0] - b[0]);
}

// How many lists of one kind hold two or more items of each group: there readers see near-copies side by side.
function listsTouched(data, groups, list) {
  const groupOf = new Int32Array(data.n).fill(-1);
  groups.forEach((members, group) => members.forEach((item) => { groupOf[item] = group; }));
  const touched = new Uint32Array(groups.length);
  // Of which item's list a group was last met, and last counted.
  const met = new Int32Array(groups.length).fill(-1), counted = new Int32Array(groups.length).fill(-1);
  let lists = 0;
  for (let item = 0; item < data.n; ++item) {
    let isTouched = false;
    for (let k = 0; k < data.picks; ++k) {
      const group = groupOf[data.pickOf(list, item, k)];
      if (group < 0) continue;
      if (met[group] === item && counted[group] !== item) {
        counted[group] = item;
        ++touched[group];
        isTouched = true;
      }
      met[group] = item;
    }
    if (isTouched) ++lists;
  }
  return { touched, lists };
}

// Further members of a group, which may be thousands: drawn when they are asked for.
function moreMembers(data, members) {
  const details = h("details", {}, h("summary", {}, plural(members.length, "more item")));
  details.addEventListener("toggle", () => details.append(...growing(members, LINKS_AT_ONCE,
    (item) => h("li", {}, itemLink(data, item)), h("ul", { class: "plain" }))), { once: true });
  return details;
}

function groupCard(data, members, touched) {
  return h("li", { class: "card" },
    h("p", { class: "quiet" }, `${plural(members.length, "item")}, together in ${plural(touched, "list")}`),
    h("ul", { class: "entries" }, members.slice(0, SHOWN_MEMBERS).map((item) => h("li", { class: "entry" },
      h("p", { class: "entry-head" }, itemLink(data, item)), itemText(data, item, "text clamped")))),
    members.length > SHOWN_MEMBERS && moreMembers(data, members.slice(SHOWN_MEMBERS)));
}

export function duplicatesView(data, parts) {
  const floor = Number(data.facts.near_floor.toFixed(2));
  const asked = Number(parts.above ?? DEFAULT);
  let above = asked >= floor && asked < 1 ? asked : Math.max(DEFAULT, floor);
  let list = Number(parts.touching ?? 0);
  if (!data.facts.lists[list]) list = 0;
  const results = h("div", {});
  const shown = h("output", { for: "above" });

  function draw() {
    const groups = groupsAbove(data, above);
    const items = groups.reduce((sum, members) => sum + members.length, 0);
    const { touched, lists } = listsTouched(data, groups, list);
    shown.textContent = above.toFixed(2);
    const summary = groups.length === 0 ? "No two items are so alike."
      : `${plural(items, "item")} in ${plural(groups.length, "group")}, the largest of ${count(groups[0].length)}; `
        + `${count(lists)} of ${plural(data.n, "list")} hold two or more of one group.`;
    results.replaceChildren(h("p", { class: "summary", role: "status" }, summary),
      ...growing(groups.map((members, k) => [members, touched[k]]), AT_ONCE,
        ([members, times]) => groupCard(data, members, times), h("ul", { class: "cards" })));
  }

  const keep = () => history.replaceState(null, "", address.write({ view: "duplicates", above: above.toFixed(2),
    touching: list || undefined }));
  const slider = h("input", {
    id: "above", type: "range", min: floor, max: 0.99, step: STEP, value: above,
    oninput: (event) => {
      above = Number(event.target.value);
      draw();
      keep();
    },
  });
  const select = h("select", {
    id: "touching", onchange: (event) => {
      list = Number(event.target.value);
      draw();
      keep();
    },
  }, data.facts.lists.map((what, k) => h("option", { value: k, selected: k === list }, `${listName(what)}, ${listDetail(what)}`)));
  draw();
  return {
    title: "Near-duplicates",
    nodes: [
      h("h1", { tabindex: -1 }, "Near-duplicates"),
      h("p", { class: "lead" }, "Items that cosines above a threshold join, directly or through others."),
      floor > 0.8 && h("p", { class: "note" }, `The threshold begins at ${floor}: more pairs are above 0.80 than were kept.`),
      h("div", { class: "controls" },
        h("p", {}, h("label", { for: "above" }, "Cosine above "), shown, slider),
        h("p", {}, h("label", { for: "touching" }, "Counted in the lists "), select)),
      results,
    ],
  };
}
