// The page: reads its data, and shows what its address names.

import * as address from "./address.js";
import { load } from "./data.js";
import { h } from "./dom.js";
import { count } from "./format.js";
import { newSearch } from "./search.js";
import { adviceView } from "./views/advice.js";
import { duplicatesView } from "./views/duplicates.js";
import { itemView } from "./views/item.js";
import { itemsView } from "./views/items.js";
import { similarityView } from "./views/similarity.js";

const MENU = [["", "Items"], ["advice", "Advice"], ["duplicates", "Near-duplicates"], ["similarity", "Similarity"]];
const OWN_VIEWS = { advice: adviceView, duplicates: duplicatesView, similarity: similarityView };

const main = document.getElementById("main");
const input = document.getElementById("search");

function drawMenu(current) {
  document.getElementById("views").replaceChildren(...MENU.map(([view, name]) => h("a", {
    href: view === "" ? "#" : address.write({ view }), "aria-current": view === current ? "page" : undefined,
  }, name)));
}

function start(data) {
  const search = newSearch(data);
  const { facts } = data;
  const source = facts.source.replace(/\.[^.]*$/, "");
  document.getElementById("source").textContent = source;
  document.getElementById("provenance").textContent = `${facts.source}: ${count(data.n)} embeddings of dimension `
    + `${count(facts.d)}. Cosines and ranks are of the embeddings as they are, computed exactly by vulkan-compute `
    + `${facts.version}, definition ${facts.definition}, on ${facts.device}.`;

  const scrolled = new Map();
  let shown = null, followed = false;

  function show() {
    const parts = address.read(location.hash);
    const view = Object.hasOwn(OWN_VIEWS, parts.view ?? "") ? parts.view : "";
    const isItem = view === "" && (parts.item !== undefined || parts.index !== undefined);
    const result = view ? OWN_VIEWS[view](data, parts) : isItem ? itemView(data, parts) : itemsView(data, parts, search);
    document.title = `${result.title} – ${source}`;
    drawMenu(isItem ? null : view);
    main.replaceChildren(...result.nodes.flat(Infinity).filter(Boolean));
    // Where choices are in one row that scrolls, the chosen one is in sight.
    for (const row of main.querySelectorAll(".lists")) {
      const chosen = row.querySelector("[aria-current]");
      if (chosen) row.scrollLeft = chosen.offsetLeft - row.offsetLeft - 16;
    }
    if (document.activeElement !== input) input.value = parts.q ?? "";
    return view;
  }

  // To where one goes by a link, a page begins at its top; to where one comes back, at where one was.
  function go() {
    const isSearching = document.activeElement === input;
    show();
    if (shown !== null && !isSearching) {
      main.querySelector("h1")?.focus({ preventScroll: true });
      scrollTo(0, followed ? 0 : scrolled.get(location.hash) ?? 0);
    }
    shown = location.hash;
    followed = false;
  }

  addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link) return;
    if (link.classList.contains("skip")) {
      event.preventDefault();
      main.focus();
      return;
    }
    scrolled.set(location.hash, scrollY);
    followed = true;
  });
  addEventListener("hashchange", go);

  input.addEventListener("focus", () => search.prepare(), { once: true });
  input.addEventListener("input", () => {
    const to = address.write({ q: input.value.trim() });
    const isItems = (parts) => !parts.view && parts.item === undefined && parts.index === undefined;
    if (isItems(address.read(location.hash))) {
      history.replaceState(null, "", to);
      go();
    } else {
      location.hash = to;
    }
  });
  document.getElementById("search-form").addEventListener("submit", (event) => {
    event.preventDefault();
    main.querySelector("h1")?.focus();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, select, textarea")) return;
    event.preventDefault();
    input.focus();
  });
  go();
}

load().then(start).catch((problem) => {
  main.replaceChildren(h("h1", {}, "This page cannot be shown"),
    h("p", {}, `Its data could not be read: ${problem.message}. A current browser is needed (of 2023 or later), and the whole file.`));
  throw problem;
}).finally(() => {
  performance.mark("ready");
  main.setAttribute("data-ready", "");
});
