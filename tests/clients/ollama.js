// node ollama.js TEXTS.jsonl EMBEDDINGS.npy: a stand-in for Ollama, which answers /api/embed with the
// embeddings of texts that it knows. Prints its address.
const fs = require("node:fs");
const http = require("node:http");

const [texts, embeddings] = process.argv.slice(2);
const file = fs.readFileSync(embeddings);
const [n, d] = file.toString("latin1", 10, 128).match(/'shape': \((\d+), (\d+)\)/).slice(1).map(Number);
const rows = file.subarray(file.length - 4 * n * d);
const rowOf = new Map();
fs.readFileSync(texts, "utf8").trim().split("\n").forEach((line, row) => {
  rowOf.set(JSON.parse(line).text, row);
});

function embed({ model, input }) {
  const list = Array.isArray(input) ? input : [input];
  return {
    model,
    embeddings: list.map((text) => {
      const row = rowOf.get(text);
      return Array.from({ length: d }, (_, k) => rows.readFloatLE(4 * (row * d + k)));
    }),
  };
}

const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  response.end(JSON.stringify(request.url === "/api/embed" ? embed(JSON.parse(body)) : {}));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
