// Every view has an address, the part of the page's after "#": item=ID (or index=NUMBER), view=NAME, and what the view
// lets one choose.

export function read(hash) {
  return Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
}

export function write(parts) {
  const given = Object.entries(parts).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return `#${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

// The parts that name an item: its id, where no other item has the same.
export function ofItem(data, item) {
  return data.hasOwnName(item) ? { item: data.name(item) } : { index: item };
}

// The item that an address names; -1 where there is no such item, null where it names none.
export function itemOf(data, parts) {
  if (parts.index !== undefined) {
    return /^\d+$/.test(parts.index) && Number(parts.index) < data.n ? Number(parts.index) : -1;
  }
  if (parts.item === undefined) return null;
  const named = data.indexOfName(parts.item);
  if (named >= 0) return named;
  return /^\d+$/.test(parts.item) && Number(parts.item) < data.n ? Number(parts.item) : -1;
}
