// The blocks of the page: base64 of what zlib compressed. Arrays of numbers hold first the first bytes of all, then the
// second ones, and so on.

const TYPES = {
  cosines: Int16Array, pairs: Int16Array, ranks: Uint16Array, near_cosine: Float32Array,
};
const ARRAYS = ["ids", "times", "near_first", "near_second", ...Object.keys(TYPES)];

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let k = 0; k < bytes.length; ++k) bytes[k] = decoded.charCodeAt(k);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function readBlock(name) {
  const element = document.getElementById(name);
  if (!element) return null;
  const bytes = await inflate(fromBase64(element.textContent));
  element.remove();
  return bytes;
}

async function readJson(name) {
  const bytes = await readBlock(name);
  return bytes && JSON.parse(new TextDecoder().decode(bytes));
}

async function readArray(name, Type) {
  const planes = await readBlock(name);
  const size = Type.BYTES_PER_ELEMENT;
  const count = planes.length / size;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < size; ++plane) {
    for (let k = 0, from = plane * count; k < count; ++k) bytes[k * size + plane] = planes[from + k];
  }
  return new Type(bytes.buffer);
}

// What people call items, or null where they have no ids; and the index of each id that only one item has.
function readNames(names) {
  const indexOf = new Map();
  names?.forEach((name, index) => indexOf.set(name, indexOf.has(name) ? -1 : index));
  return indexOf;
}

export async function load() {
  const facts = await readJson("facts");
  const IdArray = facts.id_bytes === 2 ? Uint16Array : Uint32Array;
  const [names, texts, groups, ...arrays] = await Promise.all([
    readJson("names"), readJson("texts"), readJson("groups"),
    ...ARRAYS.map((name) => readArray(name, TYPES[name] ?? IdArray)),
  ]);
  const array = Object.fromEntries(ARRAYS.map((name, k) => [name, arrays[k]]));
  const indexOf = readNames(names);
  const { n, picks } = facts;
  const pairsOfRow = (picks * (picks - 1)) / 2;

  return {
    facts, n, picks,
    name: (index) => names?.[index] ?? String(index),
    hasOwnName: (index) => names !== null && indexOf.get(names[index]) === index,
    indexOfName: (name) => indexOf.get(name) ?? -1,
    text: (index) => texts?.[index] ?? null,
    group: (index) => groups?.[index] ?? null,
    // The picks of an item's list: their indices, cosines to the item in thousandths, ranks in tenths.
    row(list, item) {
      const first = (list * n + item) * picks;
      return Array.from({ length: picks }, (_, k) => ({
        item: array.ids[first + k], cosine: array.cosines[first + k], rank: array.ranks[first + k],
      }));
    },
    pickOf: (list, item, k) => array.ids[(list * n + item) * picks + k],
    // The cosine of picks a and b of an item's list, in thousandths; a < b.
    pairCosine: (list, item, a, b) =>
      array.pairs[(list * n + item) * pairsOfRow + a * picks - (a * (a + 1)) / 2 + b - a - 1],
    timesPicked: (list, item) => array.times[list * n + item],
    near: { first: array.near_first, second: array.near_second, cosine: array.near_cosine },
  };
}
