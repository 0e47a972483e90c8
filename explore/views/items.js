import { h } from "../dom.js";
import { count, plural } from "../format.js";
import { growing, itemGroup, itemLink, itemText } from "../parts.js";

const AT_ONCE = 30;

function entry(data, item) {
  return h("li", { class: "entry" },
    h("p", { class: "entry-head" }, itemLink(data, item), itemGroup(data, item)), itemText(data, item, "text clamped"));
}

export function itemsView(data, parts, search) {
  const query = (parts.q ?? "").trim();
  const { facts } = data;
  const found = query ? search.find(query) : Array.from({ length: data.n }, (_, item) => item);
  const status = query
    ? found.length === 0 ? "Nothing is found: each word must be in an item's text or id." : `${plural(found.length, "item")} found`
    : `All ${plural(data.n, "item")}`;
  return {
    title: query ? `Search: ${query}` : "Items",
    nodes: [
      h("h1", { tabindex: -1 }, query ? ["Items with “", h("bdi", {}, query), "”"] : "Explore"),
      !query && h("p", { class: "lead" },
        `${count(data.n)} embeddings, compared exactly. Choose an item to see what is like it and what is far from it, or look at `,
        h("a", { href: "#view=advice" }, "which lists are good for pages"), "."),
      facts.notes.map((note) => h("p", { class: "note" }, note)),
      h("p", { class: "quiet", role: "status" }, status),
      growing(found, AT_ONCE, (item) => entry(data, item), h("ul", { class: "entries tiles" })),
    ],
  };
}
