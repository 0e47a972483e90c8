// node client.js EMBEDDINGS START: what a walk goes through, from Node.js.
const { spawnSync } = require("node:child_process");
const [embeddings, start] = process.argv.slice(2);
const words = ["diversity-sequence", embeddings, "--start", start, "--json"];
const run = spawnSync("vulkan-compute", words, { stdio: ["inherit", "pipe", "inherit"], maxBuffer: Infinity });
if (run.error) throw run.error;
if (run.signal) console.error(`error: vulkan-compute was ended by ${run.signal}`); // there is no status then
if (run.status !== 0) process.exit(run.status ?? 1);
const walk = JSON.parse(run.stdout).sequence;
console.log(`${walk.length} items: from ${walk[0]} first to ${walk[1]}, last to ${walk.at(-1)}`);
