// Parses labels with KaTeX over and over, for bench.py: `node katex_parse.cjs LABELS.json`, with katex on NODE_PATH.
// Each line on standard input asks for one pass; the answer is a line of JSON: seconds, processor seconds, and how many
// labels threw.
const { readFileSync } = require("node:fs");
const { createInterface } = require("node:readline");
const katex = require("katex");

const labels = JSON.parse(readFileSync(process.argv[2], "utf8"));
const options = { displayMode: true, throwOnError: true, strict: "ignore", trust: false };

createInterface({ input: process.stdin }).on("line", () => {
  let rejected = 0;
  const [start, used] = [process.hrtime.bigint(), process.cpuUsage()];
  for (const label of labels) {
    try {
      katex.__parse(label, options);
    } catch {
      rejected += 1;
    }
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(used);
  process.stdout.write(JSON.stringify({ seconds, cpu: (user + system) / 1e6, rejected }) + "\n");
});
