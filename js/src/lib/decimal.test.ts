import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  add,
  amount,
  compare,
  fixed,
  isDecimal,
  negative,
  percent,
  places,
  trimmed,
  typed,
  withPercent,
} from "./decimal";

const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 24n), max: 10n ** 24n }), fc.integer({ min: 0, max: 6 }))
  .map(([digits, scale]) => {
    const size = String(digits < 0n ? -digits : digits).padStart(scale + 1, "0");
    const text = scale === 0 ? size : `${size.slice(0, -scale)}.${size.slice(-scale)}`;
    return digits < 0n ? `-${text}` : text;
  });

describe("decimals", () => {
  it("are added exactly", () => {
    expect(add("0.1", "0.2")).toBe("0.3");
    expect(add("90071992547409931234.55", "0.5")).toBe("90071992547409931235.05");
    expect(add("12.50", "-0.5")).toBe("12.00");
    expect(add("0.25", "-0.5")).toBe("-0.25");
    expect(add("x", "1")).toBe("x");
    fc.assert(
      fc.property(
        decimal,
        decimal,
        (one, other) => compare(add(add(one, other), negative(other)), one) === 0,
      ),
    );
  });
  it("are compared by what they mean", () => {
    expect(compare("12.50", "12.5")).toBe(0);
    expect(compare("-1", "0")).toBe(-1);
    expect(compare("90071992547409931235", "90071992547409931234.99")).toBe(1);
    expect(compare(null, "1")).toBeNull();
    expect(compare("1", "x")).toBeNull();
    fc.assert(
      fc.property(
        decimal,
        decimal,
        (one, other) => compare(one, other) === -(compare(other, one) as number) || compare(one, other) === 0,
      ),
    );
  });
  it("are rounded half up, away from zero", () => {
    expect(["1.005", "-1.005", "1.004", "7", "0.999"].map((text) => fixed(text, 2))).toEqual([
      "1.01",
      "-1.01",
      "1.00",
      "7.00",
      "1.00",
    ]);
    expect(fixed("x", 2)).toBe("x");
    fc.assert(fc.property(decimal, (text) => places(fixed(text, 2)) <= 2));
  });
  it("take percentages", () => {
    expect(withPercent("20", "12.5")).toBe("22.50");
    expect(withPercent("0.105", null)).toBe("0.11");
    expect(withPercent("20", "-100")).toBe("0.00");
    expect(withPercent(null, "5")).toBeNull();
    expect(withPercent("20", "x")).toBeNull();
  });
  it("are read as people type them", () => {
    expect(["12,50", " $1,234.5 ", ".5", "7.", "+3", "-,5", "1 000", "25%", "1,234,567"].map(typed)).toEqual([
      "12.50",
      "1234.5",
      "0.5",
      "7",
      "3",
      "-0.5",
      "1000",
      "25",
      "1234567",
    ]);
    expect(["", "x", "1e3", "1.2.3", "٣", "--1", "NaN"].map((text) => isDecimal(typed(text)))).toEqual(
      Array(7).fill(false),
    );
    fc.assert(fc.property(decimal, (text) => typed(text) === text || text.startsWith("+")));
  });
  it("are shown with every digit", () => {
    expect(amount("90071992547409931234.55", "USD")).toBe("$90,071,992,547,409,931,234.55");
    expect(amount("12.5", "EUR")).toBe("€12.50");
    expect(amount("12.5", "nonsense")).toBe("12.50");
    expect([null, 5, "x", ""].map((value) => amount(value, "USD"))).toEqual(["—", "—", "—", "—"]);
    expect(["12.5", "-3", "0", "x"].map(percent)).toEqual(["+12.5 %", "-3 %", "0 %", "—"]);
    expect(["12.50", "10.00", "100", "0.05"].map(trimmed)).toEqual(["12.5", "10", "100", "0.05"]);
  });
});
