/**
 * When a page of a dashboard that has lost its kernel starts anew by itself. In a notebook a reader runs the cell
 * again; nobody stands in front of a wall. A reload makes a new kernel, so it is not done while the old one may
 * come back: a network that returns is followed by the link, most of the time within half a minute.
 */

/** The server answers and the kernel does not, for this long: it will not come back. */
export const PATIENCE_MS = 30_000;
/** Not more often than this, whatever happens. */
export const PAUSE_MS = 120_000;

export interface Loss {
  /** Page ms since when the server answers while the link is down; null while it does not answer. */
  answeringSince: number | null;
  /** Page ms of the last reload by itself; null for never. */
  reloadedAt: number | null;
}

/** Page ms at which to reload; null while there is nothing to wait for. */
export function reloadAt({ answeringSince, reloadedAt }: Loss): number | null {
  if (answeringSince === null) return null;
  const patient = answeringSince + PATIENCE_MS;
  return reloadedAt === null ? patient : Math.max(patient, reloadedAt + PAUSE_MS);
}
