import { describe, expect, it } from "vitest";
import cases from "../testing/bid_terms_cases.json";
import { type BidField, bidOf, problem } from "./bid_terms";
import { compare } from "./decimal";

describe("terms", () => {
  // The kernel's tests read the same cases.
  it.each(cases as (string | null)[][])("of %s %s %% from %s to %s, %s %s", (...given) => {
    const [base = null, modifier = null, least = null, most = null, field, value, words, bid = null] = given;
    // Where neither limit is set the kernel sends none.
    const none = !Number(least) && !Number(most);
    const terms = { base, modifier, least: none ? null : least, most: none ? null : most };
    expect(problem(field as BidField, value ?? "", terms)).toBe(words ?? null);
    if (bid === null) expect(bidOf(terms).bid).toBeNull();
    else expect(compare(bidOf(terms).bid, bid)).toBe(0);
  });
});
