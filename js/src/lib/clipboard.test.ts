import { afterEach, describe, expect, it, vi } from "vitest";
import { copyText } from "./clipboard";

afterEach(() => vi.unstubAllGlobals());

/** A browser that copies: it fires the event, and keeps what was put. */
function oldBrowser(allowed = true): { put: string[] } {
  const put: string[] = [];
  document.execCommand = () => {
    if (!allowed) return false;
    const event = new Event("copy", { bubbles: true }) as Event & { clipboardData: unknown };
    event.clipboardData = { setData: (_: string, text: string) => put.push(text) };
    document.dispatchEvent(event);
    return true;
  };
  return { put };
}

describe("copying", () => {
  it("takes the modern way where there is one", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.stubGlobal("navigator", { clipboard: { writeText } });
    expect(await copyText("a\tb")).toBe(true);
    expect(writeText).toHaveBeenCalledWith("a\tb");
  });

  it("takes the old way on pages without it, and where it is not allowed", async () => {
    const { put } = oldBrowser();
    vi.stubGlobal("navigator", {});
    expect(await copyText("one")).toBe(true);
    vi.stubGlobal("navigator", { clipboard: { writeText: () => Promise.reject(new Error("no")) } });
    expect(await copyText("two")).toBe(true);
    expect(put).toEqual(["one", "two"]);
  });

  it("says so where neither works, and leaves no listener", async () => {
    vi.stubGlobal("navigator", {});
    oldBrowser(false);
    expect(await copyText("x")).toBe(false);
    const { put } = oldBrowser();
    document.execCommand("copy");
    expect(put).toEqual([]);
    document.execCommand = () => {
      throw new Error("not here");
    };
    expect(await copyText("x")).toBe(false);
  });
});
