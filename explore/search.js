// Search by text or id: all words must be there, in any order, whatever their case and accents.

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

export function newSearch(data) {
  let folded = null;
  const prepare = () => {
    folded ??= Array.from({ length: data.n }, (_, item) =>
      fold([data.name(item), data.group(item) ?? "", data.text(item) ?? ""].join("\n")));
    return folded;
  };
  return {
    prepare,
    // Indices of the items, those first of which the id is what is sought.
    find(query) {
      const words = fold(query).split(/\s+/).filter(Boolean);
      const whole = fold(query).trim();
      const found = [], named = [];
      prepare().forEach((text, item) => {
        if (!words.every((word) => text.includes(word))) return;
        (text.startsWith(whole) ? named : found).push(item);
      });
      return [...named, ...found];
    },
  };
}
