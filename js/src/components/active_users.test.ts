import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LinkStatus } from "../lib/exchange";
import type { Meta } from "../lib/protocol";
import type { Row } from "../lib/rows";
import { type FakeBrowser, fakeBrowser } from "../testing/browser";
import { type ActiveUsersOptions, activeUsers } from "./active_users";
import type { View } from "./shell";

const NOW = Date.UTC(2026, 10, 22, 12);
const LINK: LinkStatus = { state: "live", heardAt: NOW, skew: 0, slack: 0, busyMs: 0, ages: {} };
const META: Meta = { state: "live", since: NOW, rows: 0, partial: false, version: 0, masked: true };
const OPTIONS: ActiveUsersOptions = { title: "", theme: "light", size: "auto", most: 3, compact: false };
const row = (name: string, parts: Row = {}): Row => ({
  name,
  doing: "",
  since: NOW - 60_000,
  is_me: false,
  count: 1,
  shade: 1,
  ...parts,
});

let browser: FakeBrowser;
let root: HTMLElement;
let control: AbortController;
let view: View<ActiveUsersOptions>;

const tell = (people: Record<string, Row>, meta: Partial<Meta> = {}): void => {
  const rows = new Map(Object.entries(people));
  view.setFeed({ rows, changed: null, meta: { ...META, rows: rows.size, ...meta }, vouched: true });
  browser.frames();
};
const text = (selector: string): string => root.querySelector(selector)?.textContent ?? "";
const faces = (): string[] =>
  [...root.querySelectorAll(".lw-people-main > .lw-faces:not(.lw-faces-waiting) .lw-face")].map(
    ({ textContent }) => textContent ?? "",
  );
const hidden = (selector: string): boolean => root.querySelector<HTMLElement>(selector)?.hidden !== false;
const main = (): HTMLButtonElement => root.querySelector(".lw-people-main") as HTMLButtonElement;
const pass = (milliseconds: number): void => {
  vi.advanceTimersByTime(milliseconds);
  browser.frames();
};

beforeEach(() => {
  vi.useFakeTimers({
    now: NOW,
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  browser = fakeBrowser();
  control = new AbortController();
  root = document.createElement("section");
  document.body.append(root);
  view = activeUsers(root, { onPainted: () => undefined }, control.signal);
  view.setOptions(OPTIONS);
  view.setLink(LINK);
  browser.frames();
});
afterEach(() => {
  control.abort();
  root.remove();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the faces", () => {
  it("are oneself first, as many as are wanted, and how many more there are", () => {
    const people = Object.fromEntries(
      ["Ana Ruiz", "Bob", "Cleo Dee", "Dan", "Eve"].map((name, index) => [
        `p${index}`,
        row(name, { since: NOW - (9 - index) * 60_000, is_me: name === "Dan", shade: index }),
      ]),
    );
    tell(people);
    expect(faces()).toEqual(["D", "AR", "B"]);
    expect(text(".lw-face-more")).toBe("+2");
    expect(text(".lw-people-words")).toBe("5 here");
    expect(text(".lw-people-main .lw-quiet")).toBe("5 here: Dan (you), Ana Ruiz, Bob, Cleo Dee, Eve");
    expect(
      new Set(
        [...root.querySelectorAll<HTMLElement>(".lw-faces .lw-face[data-shade]")].map(
          (one) => one.dataset.shade,
        ),
      ).size,
    ).toBe(3);
    expect(root.querySelector("img")).toBeNull();
  });

  it("stay the same elements while others come and go", () => {
    tell({ a: row("Ana"), b: row("Bob", { since: NOW }) });
    const [ana] = root.querySelectorAll(".lw-faces .lw-face");
    tell({ a: row("Ana", { doing: "looks at bids" }), c: row("Cleo", { since: NOW }) });
    expect(root.querySelector(".lw-faces .lw-face")).toBe(ana);
    expect(faces()).toEqual(["A", "C"]);
  });

  it("say that one is alone, or that nobody is there", () => {
    tell({ a: row("Ana", { is_me: true }) });
    expect(text(".lw-people-words")).toBe("Only you");
    main().click();
    browser.frames();
    expect(text(".lw-people-foot")).toBe("Others show up here when they come.");
    tell({});
    expect(text(".lw-people-words")).toBe("Nobody here");
    expect(text(".lw-people-foot")).toContain("Nobody is here.");
  });

  it("are few words in a header", () => {
    view.setOptions({ ...OPTIONS, compact: true, title: "Here" });
    tell({ a: row("Ana"), b: row("Bob") });
    expect(text(".lw-people-words")).toBe("2");
    expect(text(".lw-people-title")).toBe("Here");
    expect(hidden(".lw-mark")).toBe(true);
  });
});

describe("the list", () => {
  it("opens and closes by button and Escape; time passes in it with no message", () => {
    tell({
      a: row("Ana", { is_me: true, doing: "looks at bids", count: 3 }),
      b: row("Bob", { since: NOW - 80_000 }),
    });
    expect(hidden(".lw-people-panel")).toBe(true);
    main().click();
    browser.frames();
    expect(main().getAttribute("aria-expanded")).toBe("true");
    expect(document.getElementById(main().getAttribute("aria-controls") ?? "")?.hidden).toBe(false);
    const [ana, bob] = [...root.querySelectorAll(".lw-person")].map(({ textContent }) => textContent);
    expect(ana).toBe("AAnayouin 3 tabslooks at bidshere for 60 s");
    expect(bob).toContain("here for 80 s");
    pass(5_010);
    expect(text(".lw-person-time")).toBe("here for 65 s");
    main().dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    browser.frames();
    expect(hidden(".lw-people-panel")).toBe(true);
    expect(document.activeElement).toBe(main());
  });

  it("shows text as text, and says how many it does not show", () => {
    tell(
      { x: row('<img src=x onerror="window.hacked=1">', { doing: "<b>y</b>" }) },
      { rows: 2_001, partial: true },
    );
    main().click();
    browser.frames();
    expect(root.querySelector("img, b")).toBeNull();
    expect(text(".lw-people-foot")).toBe("and 2,000 more");
    expect(text(".lw-people-words")).toBe("2,001 here");
  });
});

describe("what is not of now", () => {
  it("says as of when it is, and stays", () => {
    tell({ a: row("Ana") });
    tell({ a: row("Ana") }, { state: "stale", since: NOW - 12_000 });
    expect(text(".lw-mark-word")).toBe("Stale");
    expect(text(".lw-people-note")).toBe("as of 12 s ago");
    expect(faces()).toEqual(["A"]);
    pass(3_010);
    expect(text(".lw-people-note")).toBe("as of 15 s ago");
    tell({ a: row("Ana") });
    expect(hidden(".lw-people-note")).toBe(true);
    expect(hidden(".lw-mark")).toBe(true);
  });

  it("of a kernel that is gone stands still", () => {
    tell({ a: row("Ana") });
    view.setLink({ ...LINK, state: "gone", heardAt: NOW - 34_000 });
    browser.frames();
    expect(text(".lw-mark-word")).toBe("Kernel gone");
    expect(text(".lw-people-note")).toBe("as of 34 s ago");
  });

  it("waits with empty faces, or says why nobody is known", () => {
    expect(hidden(".lw-faces-waiting")).toBe(false);
    expect(text(".lw-people-words")).toBe("");
    tell(
      {},
      { state: "error", error: { kind: "RoomError", message: "The room is private.", advice: "Sign in." } },
    );
    expect(hidden(".lw-faces-waiting")).toBe(true);
    expect(text(".lw-people-trouble")).toBe("The room is private. Sign in.");
    expect(hidden(".lw-people-main")).toBe(true);
  });

  it("in a saved notebook says that there is no kernel", () => {
    view.setLost({ kind: "NoKernel", message: "No kernel behind this view.", advice: "Run the cell." });
    view.setLink({ ...LINK, state: "none", heardAt: null });
    browser.frames();
    expect(text(".lw-mark-word")).toBe("No kernel");
    expect(text(".lw-people-trouble")).toContain("No kernel behind this view.");
  });
});

it("tells a screen reader who came and went, but not who was there", () => {
  tell({ a: row("Ana", { is_me: true }), b: row("Bob") });
  pass(5_000);
  expect(text('[role="status"]')).toBe("");
  tell({ a: row("Ana", { is_me: true }), c: row("Cleo") });
  pass(5_000);
  expect(text('[role="status"]')).toBe("Cleo is here. Bob has left.");
});

it("leaves nothing behind", () => {
  control.abort();
  expect(vi.getTimerCount()).toBe(0);
});
