// Numbers as the commands print them, and what lists are called.

// With so many decimals. (Ties go away from zero, here as in LuaJIT, which the commands print with.)
export const fixed = (value, decimals) => value.toFixed(decimals);
export const percent = (share) => `${fixed(100 * share, 1)} %`;
export const count = (number) => number.toLocaleString("en");
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
export const cosine = (thousandths) => (thousandths / 1000).toFixed(3).replace("-", "\u2212");
export const rank = (tenths) => (tenths / 10).toFixed(1);

export function listName(list) {
  if (list.kind === "neighbors") return "Nearest";
  if (list.order === "centroid") return "Tour";
  if (list.order === "away") return list.lambda === 1 ? "Farthest" : "Far from here";
  return "Like this";
}

export const centring = (list) => (list.centered ? "centred" : "not centred");

export function listDetail(list) {
  if (list.kind === "neighbors") return `neighbours, ${centring(list)}`;
  const lambda = list.lambda === undefined ? "" : ` ${list.lambda}`;
  return `order ${list.order}${lambda}, ${centring(list)}`;
}

export function listKey(list) {
  const parts = list.kind === "neighbors" ? ["neighbors"] : [list.order];
  if (list.lambda !== undefined) parts.push(list.lambda);
  if (list.centered) parts.push("centered");
  return parts.join("-");
}

// What a list holds, for one who sees it the first time.
export function listPurpose(list) {
  if (list.kind === "neighbors") return "The most similar items.";
  if (list.order === "centroid") return "Always next to what lies farthest from all so far: a varied tour of everything.";
  if (list.order === "away") {
    return list.lambda === 1 ? "The least similar items." : "Unlike this item, and unlike one another.";
  }
  return "Similar to this item, but no near-copies of one another.";
}
