// The same changes through supabase-js: a callback that stores the row. Prints a line of JSON for each round.
// Usage: node receive.mjs URL KEY CHANGES ROWS ROUNDS, in a folder in which @supabase/supabase-js is installed.
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { createClient } = require("@supabase/supabase-js");
const [url, key, ...numbers] = process.argv.slice(2);
const [changes, size, rounds] = numbers.map(Number);
const { version } = require("@supabase/supabase-js/package.json");

async function round() {
  const client = createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false },
    // Node 20 has no WebSocket of its own. The server of the benchmark speaks the protocol as objects.
    realtime: { transport: globalThis.WebSocket ?? require("ws"), vsn: "1.0.0" },
  });
  const rows = new Map();
  let [seen, first] = [0, 0];
  const before = process.cpuUsage();
  await new Promise((resolve, reject) => {
    client
      .channel("calls")
      .on("postgres_changes", { event: "*", schema: "public", table: "calls" }, (payload) => {
        if (!seen) first = performance.now();
        rows.set(payload.new.id, payload.new);
        seen += 1;
        if (seen === changes) resolve();
      })
      .subscribe((status, error) => {
        if (status === "CHANNEL_ERROR" || status === "TIMED_OUT") reject(error ?? new Error(status));
      });
  });
  const took = performance.now() - first;
  const { user, system } = process.cpuUsage(before);
  if (rows.size !== size) throw new Error(`${rows.size} rows`);
  await client.removeAllChannels();
  await client.realtime.disconnect();
  return { cpu: (user + system) / changes, rate: (changes / took) * 1000, version, node: process.version };
}

for (let number = 0; number < rounds; number += 1) console.log(JSON.stringify(await round()));
process.exit(0);
