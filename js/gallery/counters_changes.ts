/** What happens in each component's rows, for the counters: as much of it as is asked for. */
import type { Row } from "../src/lib/rows";

export type Changes = (number: number) => { put: [string, Row][]; gone: string[] };

const LIFE = ["queued", "ringing", "in-progress", "completed"];

/** Rows come and go at a time; at most so many stay, the oldest go first. */
function turnover(
  rows: Map<string, Row>,
  most: number,
  fresh: (like: Row, number: number) => [string, Row],
): Changes {
  const likes = [...rows.values()].slice(0, 200);
  let count = 0;
  return (number) => {
    const put = new Map<string, Row>();
    const gone: string[] = [];
    for (let index = 0; index < number; index++) {
      count += 1;
      const [key, row] = fresh(likes[count % likes.length] as Row, count);
      rows.set(key, row);
      put.set(key, row);
      const oldest = rows.size > most ? rows.keys().next().value : undefined;
      if (oldest === undefined) continue;
      rows.delete(oldest);
      if (!put.delete(oldest)) gone.push(oldest);
    }
    return { put: [...put], gone };
  };
}

/** Rows change where they are. */
function inPlace(rows: Map<string, Row>, change: (row: Row, count: number) => Row): Changes {
  const keys = [...rows.keys()];
  let count = 0;
  return (number) => {
    const put = new Map<string, Row>();
    for (let index = 0; index < number && keys.length > 0; index++) {
      count += 1;
      const key = keys[(count * 7919) % keys.length] as string;
      const row = change(rows.get(key) as Row, count);
      rows.set(key, row);
      put.set(key, row);
    }
    return { put: [...put], gone: [] };
  };
}

/** Calls live: each change is a step of one, each fourth one a new call. */
function calls(rows: Map<string, Row>, most: number): Changes {
  const keys = [...rows.keys()];
  const like = rows.get(keys[0] ?? "") as Row;
  let oldest = 0;
  let count = 0;
  return (number) => {
    const put = new Map<string, Row>();
    const gone: string[] = [];
    for (let index = 0; index < number; index++) {
      count += 1;
      const isNew = count % 4 === 0;
      const key = isNew
        ? `new-${count}`
        : (keys[oldest + ((count * 7919) % (keys.length - oldest))] as string);
      const before = rows.get(key) ?? { ...like, status: "", created_at: new Date().toISOString() };
      const status = LIFE[(LIFE.indexOf(String(before.status)) + 1) % LIFE.length] as string;
      const row = { ...before, status, status_raw: status, ended_at: null };
      rows.set(key, row);
      put.set(key, row);
      if (!isNew) continue;
      keys.push(key);
      if (rows.size <= most) continue;
      const last = keys[oldest++] as string;
      rows.delete(last);
      put.delete(last);
      gone.push(last);
    }
    return { put: [...put], gone };
  };
}

export function changesOf(component: string, rows: Map<string, Row>, most: number): Changes {
  switch (component) {
    case "call_tracker":
    case "call_duration":
      return calls(rows, most);
    case "live_feed": {
      // Numbers go on where they are.
      const from = rows.size;
      return turnover(rows, most, (like, count) => [String(from + count), { ...like, at: Date.now() }]);
    }
    case "notification_toast":
      return turnover(rows, most, (like, count) => [`t${count}`, { ...like, created: Date.now() }]);
    case "realtime_chart": {
      const buckets = [...rows].filter(([key]) => key.startsWith("b"));
      const last = buckets[buckets.length - 1];
      let count = 0;
      // Whatever happens, it happens in the bucket of now.
      return () => {
        if (!last) return { put: [], gone: [] };
        const values = JSON.parse(String(last[1].v)) as number[];
        count += 1;
        return {
          put: [
            [last[0], { ...last[1], v: JSON.stringify(values.map((v, i) => (i % 2 ? v + (count % 9) : v))) }],
          ],
          gone: [],
        };
      };
    }
    default:
      return inPlace(rows, (row, count) => {
        const next: Record<string, Row[string]> = { ...row };
        if (typeof row.value === "number") next.value = row.value + (count % 3);
        if (typeof row.bid === "string") next.bid = (10 + (count % 60)).toFixed(2);
        if (typeof row.doing === "string") next.doing = `does thing ${count % 9}`;
        return next;
      });
  }
}
