// node client.js EMBEDDINGS START: what a walk goes through, from Node.js.
const { spawn } = require("node:child_process");
const [embeddings, start] = process.argv.slice(2);
const command = spawn("vulkan-compute", ["diversity-sequence", embeddings, "--start", start, "--json"]);
let answer = "";
command.stdout.on("data", (text) => (answer += text));
command.stderr.pipe(process.stderr);
command.on("close", (code, signal) => {
  if (signal) console.error(`error: vulkan-compute was ended by ${signal}`); // there is no code then
  if (code !== 0) process.exit(code ?? 1);
  const walk = JSON.parse(answer).sequence;
  console.log(`${walk.length} items: from ${walk[0]} first to ${walk[1]}, last to ${walk.at(-1)}`);
});
