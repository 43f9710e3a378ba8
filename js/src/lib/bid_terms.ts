/**
 * What a target may bid: the rules of the kernel's `live_bidding_terms.py`, in the same words, so that who types
 * hears at once what would be refused. The kernel and the database have the last word. Pure.
 */
import { compare, fixed, places, withPercent } from "./decimal";

export type BidField = "bid" | "modifier";

export interface Terms {
  base: string | null;
  modifier: string | null;
  least: string | null;
  most: string | null;
}

export const PLACES = 2;
export const LEAST_MODIFIER = "-100";
export const MOST_MODIFIER = "1000";
const NUMBER = /^[+-]?[0-9]{1,30}(?:\.[0-9]{1,12})?$/;

/** The base with the modifier on it, and what of it the maximum lets through. */
export function bidOf(terms: Terms): { modified: string | null; bid: string | null } {
  const modified = withPercent(terms.base, terms.modifier);
  const above = modified !== null && compare(modified, terms.most) === 1;
  return { modified, bid: above ? terms.most : modified };
}

/** What is wrong with a value, in words; null where nothing is. */
export function problem(field: BidField, value: string, terms: Terms): string | null {
  if (!NUMBER.test(value)) return "This is no number.";
  if (places(value) > PLACES) return `It has more than ${PLACES} decimals.`;
  const { least, most } = terms;
  if (
    field === "modifier" &&
    (compare(value, LEAST_MODIFIER) === -1 || compare(value, MOST_MODIFIER) === 1)
  ) {
    return `The modifier is not between ${LEAST_MODIFIER} % and ${MOST_MODIFIER} %.`;
  }
  if (field === "bid") {
    if (compare(value, "0") === -1) return "A bid is not negative.";
    if (compare(value, least) === -1) return `Below the minimum of ${fixed(least ?? "", PLACES)}.`;
    if (compare(value, most) === 1) return `Above the maximum of ${fixed(most ?? "", PLACES)}.`;
  }
  const { modified } = bidOf({ ...terms, [field === "bid" ? "base" : "modifier"]: value });
  if (modified !== null && compare(modified, least) === -1) {
    return `With the modifier the bid is ${modified}, below the minimum of ${fixed(least ?? "", PLACES)}.`;
  }
  return null;
}
