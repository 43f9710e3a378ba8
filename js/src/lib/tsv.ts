/** Rows as tab-separated text, for a spreadsheet. */

/** A sheet would take a cell that begins like this for a formula, and run it. */
const FORMULA = /^[=+\-@\t\r]/;

export function cellText(value: string): string {
  const line = value.replace(/[\t\r\n]+/g, " ").trim();
  return FORMULA.test(line) ? `'${line}` : line;
}

export function tabSeparated(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.map(cellText).join("\t")).join("\n");
}
