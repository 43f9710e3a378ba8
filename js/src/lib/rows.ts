/** Rows by key, decoded from the columns that the kernel sends; bounded, and never partly applied. */

export type Cell = null | boolean | number | string;
export type Row = Readonly<Record<string, Cell>>;
export type Rows = ReadonlyMap<string, Row>;

export interface Columns {
  key: string[];
  cols: Record<string, Cell[]>;
  gone: string[];
}

/** More rows than this are no list any more; the kernel's own limit is far below. */
export const MOST_ROWS = 200_000;

export class RowsError extends Error {
  override name = "RowsError";
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** Read one buffer: UTF-8 JSON, columns of equal length. */
export function decode(buffer: DataView | ArrayBuffer | Uint8Array): Columns {
  let read: Partial<Columns>;
  try {
    read = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(buffer)) as Partial<Columns>;
  } catch (cause) {
    throw new RowsError("The buffer is not JSON", { cause });
  }
  if (typeof read !== "object" || read === null) throw new RowsError("The buffer holds no columns");
  const { key = [], cols = {}, gone = [] } = read;
  if (!isTexts(key) || !isTexts(gone)) throw new RowsError("Keys must be text");
  for (const [name, column] of Object.entries(cols ?? {})) {
    if (!Array.isArray(column) || column.length !== key.length) {
      throw new RowsError(`Column ${name} does not have ${key.length} values`);
    }
  }
  return { key, cols, gone };
}

/** The rows of these columns, as [key, row] in their order. */
export function* rowsOf({ key, cols }: Columns): Generator<[string, Row]> {
  const names = Object.keys(cols);
  for (let index = 0; index < key.length; index++) {
    const row: Record<string, Cell> = {};
    for (const name of names) {
      const value = cols[name]?.[index] ?? null;
      row[name] = typeof value === "object" ? null : value;
    }
    yield [key[index] as string, row];
  }
}

/** Apply columns to rows; returns the keys that changed. Removals come first: a key in both is kept. */
export function merge(rows: Map<string, Row>, columns: Columns, most = MOST_ROWS): Set<string> {
  const changed = new Set<string>();
  for (const key of columns.gone) {
    if (rows.delete(key)) changed.add(key);
  }
  for (const [key, row] of rowsOf(columns)) {
    if (rows.size >= most && !rows.has(key)) continue;
    rows.set(key, row);
    changed.add(key);
  }
  return changed;
}
