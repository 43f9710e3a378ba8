/** The list of calls: header that sorts, virtual rows, one cursor, one selected row, keyboard. */
import type { Call, Sort, SortField } from "../lib/calls";
import { icon, make, setAttributes } from "../lib/dom";
import { virtualList } from "../lib/virtual_list";
import { type CallRow, COLUMNS, callRow, type RowContext } from "./call_row";

export interface CallGridCallbacks {
  onSelect(key: string | null): void;
  onSort(sort: Sort): void;
  /** Rows came into sight: paint. */
  onMoved(): void;
}

export interface CallGridState {
  calls: readonly Call[];
  sort: Sort;
  selected: string | null;
  context: RowContext;
  /** Keys that have just arrived. */
  arrived: ReadonlySet<string>;
}

export interface CallGrid {
  element: HTMLElement;
  draw(state: CallGridState): void;
  tick(context: RowContext): void;
  /** Read the row height from the style sheet again. */
  measure(): void;
}

const ARROW = "M8 3.5 12.5 8l-1 1L8.7 6.3V13H7.3V6.3L4.5 9l-1-1z";
let grids = 0;

export function callGrid(callbacks: CallGridCallbacks, signal: AbortSignal): CallGrid {
  const prefix = `lw-calls-${++grids}-`;
  const headers = new Map<SortField, HTMLElement>();
  const head = make("div", "lw-row lw-head", { role: "row", "aria-rowindex": 1 });
  for (const [index, { field, label, end }] of COLUMNS.entries()) {
    const button = make("button", "lw-sort", { type: "button" }, make("span", "", {}, label), icon(ARROW));
    const cell = make(
      "div",
      `lw-cell lw-${field === "created_at" ? "started" : field}${end ? " lw-end" : ""}`,
      { role: "columnheader", "aria-colindex": index + 1 },
      button,
    );
    button.addEventListener("click", () => sortBy(field), { signal });
    headers.set(field, cell);
    head.append(cell);
  }
  const header = make("div", "lw-headrow", { role: "rowgroup" }, head);
  const canvas = make("div", "lw-canvas", { role: "rowgroup" });
  const element = make(
    "div",
    "lw-grid",
    {
      role: "grid",
      tabindex: 0,
      "aria-label": "Calls",
      "aria-colcount": COLUMNS.length,
      "aria-multiselectable": "false",
    },
    header,
    canvas,
  );
  const list = virtualList(element, canvas, 36, callbacks.onMoved, signal);
  const rows = new Map<string, CallRow>();
  let state: CallGridState | null = null;
  const spare: CallRow[] = [];
  let made = 0;
  let cursor: string | null = null;
  let anchor: { key: string; index: number } | null = null;

  function sortBy(field: SortField): void {
    const sort = state?.sort;
    const numeric = COLUMNS.find((column) => column.field === field)?.end ?? false;
    callbacks.onSort({ field, descending: sort?.field === field ? !sort.descending : numeric });
  }

  function indexOf(key: string | null): number {
    return key === null || !state ? -1 : state.calls.findIndex((call) => call.key === key);
  }

  function moveTo(index: number): void {
    const calls = state?.calls ?? [];
    const call = calls[Math.max(0, Math.min(calls.length - 1, index))];
    if (!call) return;
    cursor = call.key;
    reveal(indexOf(cursor));
    callbacks.onMoved();
  }

  /** The height in which rows can be seen: the header stays on top of them. */
  const rowsHeight = (): number => element.clientHeight - header.offsetHeight;

  function reveal(index: number): void {
    const top = index * list.rowHeight;
    const bottom = top + list.rowHeight - rowsHeight();
    if (top < element.scrollTop) element.scrollTop = top;
    else if (bottom > element.scrollTop) element.scrollTop = bottom;
  }

  function toggle(key: string): void {
    cursor = key;
    callbacks.onSelect(state?.selected === key ? null : key);
  }

  element.addEventListener(
    "keydown",
    (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.target !== element) return;
      const at = indexOf(cursor ?? state?.selected ?? null);
      const page = Math.max(1, Math.floor(rowsHeight() / list.rowHeight) - 1);
      const steps: Record<string, () => void> = {
        ArrowDown: () => moveTo(at + 1),
        ArrowUp: () => moveTo(at < 0 ? 0 : at - 1),
        PageDown: () => moveTo(at + page),
        PageUp: () => moveTo(at - page),
        Home: () => moveTo(0),
        End: () => moveTo(Number.MAX_SAFE_INTEGER),
        Enter: () => cursor !== null && toggle(cursor),
        " ": () => cursor !== null && toggle(cursor),
        Escape: () => {
          cursor = null;
          callbacks.onSelect(null);
          callbacks.onMoved();
        },
      };
      const step = steps[event.key];
      if (!step) return;
      // JupyterLab moves between cells with the same keys.
      event.preventDefault();
      event.stopPropagation();
      step();
    },
    { signal },
  );
  canvas.addEventListener(
    "click",
    (event) => {
      const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset.key;
      // Someone who marks text to copy it selects no row.
      if (key !== undefined && !window.getSelection()?.toString()) toggle(key);
    },
    { signal },
  );

  /** The row at the top stays where it is on the screen, whatever comes above it; also while it is scrolled. */
  function keepPlace(calls: readonly Call[]): void {
    if (!anchor || element.scrollTop <= 0) return;
    const { key, index } = anchor;
    const moved = calls[index]?.key === key ? 0 : calls.findIndex((call) => call.key === key) - index;
    if (moved !== 0 && moved + index >= 0) element.scrollTop += moved * list.rowHeight;
  }

  function rememberPlace(calls: readonly Call[]): void {
    const index = Math.floor(element.scrollTop / list.rowHeight);
    const call = calls[index];
    anchor = call && element.scrollTop > 0 ? { key: call.key, index } : null;
  }

  return {
    element,
    draw(next) {
      const moved = state?.calls !== next.calls;
      state = next;
      const { calls, sort, selected, context, arrived } = next;
      list.setLength(calls.length);
      if (moved) keepPlace(calls);
      const [first, last] = list.range();
      const wanted = new Set<string>();
      for (let index = first; index <= last; index++) {
        const call = calls[index];
        if (call) wanted.add(call.key);
      }
      // Rows that left give their elements to those that came: scrolling makes no garbage.
      for (const [key, row] of rows) {
        if (wanted.has(key)) continue;
        rows.delete(key);
        spare.push(row);
      }
      for (let index = first; index <= last; index++) {
        const call = calls[index];
        if (!call) continue;
        let row = rows.get(call.key);
        const fresh = !row;
        if (!row) {
          row = spare.pop() ?? callRow(`${prefix}${++made}`);
          row.adopt(call.key);
          rows.set(call.key, row);
        }
        row.draw(call, context);
        row.place(index, index * list.rowHeight, call.key === selected, call.key === cursor);
        if (fresh) {
          if (!row.element.isConnected) canvas.append(row.element);
          if (arrived.has(call.key)) row.arrive();
        }
      }
      for (const row of spare.splice(0)) row.element.remove();
      for (const [field, cell] of headers) {
        const order = field !== sort.field ? "none" : sort.descending ? "descending" : "ascending";
        if (cell.getAttribute("aria-sort") !== order) cell.setAttribute("aria-sort", order);
      }
      const active = (cursor !== null && rows.get(cursor)?.element.id) || null;
      setAttributes(element, { "aria-rowcount": calls.length + 1, "aria-activedescendant": active });
      list.drawn();
      rememberPlace(calls);
    },
    tick(context) {
      if (!state) return;
      state = { ...state, context };
      const [first, last] = list.range();
      for (let index = first; index <= last; index++) {
        const call = state.calls[index];
        if (call) rows.get(call.key)?.tick(call, context);
      }
    },
    measure() {
      const style = getComputedStyle(element);
      const lines = Number.parseFloat(style.getPropertyValue("--lw-row-em")) || 2.75;
      const height = Math.round((Number.parseFloat(style.fontSize) || 13) * lines);
      if (height === list.rowHeight) return;
      element.style.setProperty("--lw-row-height", `${height}px`);
      list.setRowHeight(height);
      callbacks.onMoved();
    },
  };
}
