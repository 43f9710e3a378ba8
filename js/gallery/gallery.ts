/**
 * Each component in each of its states, in a plain page:
 * ?view=call_tracker&state=stale&theme=dark&width=320&size=wall&height=420
 */
import * as activeUsers from "./active_users";
import * as callDuration from "./call_duration";
import * as callTracker from "./call_tracker";
import * as campaignMetrics from "./campaign_metrics";
import * as liveBidding from "./live_bidding";
import * as liveFeed from "./live_feed";
import * as notificationToast from "./notification_toast";
import * as onlineStatus from "./online_status";
import * as realtimeChart from "./realtime_chart";
import type { Stage } from "./stage";

const SCENES: Record<string, { scene(stage: Stage): void }> = {
  active_users: activeUsers,
  call_duration: callDuration,
  call_tracker: callTracker,
  campaign_metrics: campaignMetrics,
  live_feed: liveFeed,
  notification_toast: notificationToast,
  live_bidding: liveBidding,
  online_status: onlineStatus,
  realtime_chart: realtimeChart,
};

const query = new URLSearchParams(location.search);
const theme = query.get("theme") ?? "light";
const size = query.get("size") ?? "auto";
document.body.dataset.theme = theme;

function place(): HTMLElement {
  const root = document.createElement("section");
  const width = query.get("width");
  if (width) root.style.width = `${width}px`;
  document.body.append(root);
  return root;
}

SCENES[query.get("view") ?? "call_tracker"]?.scene({
  query,
  theme,
  size,
  state: query.get("state") ?? "live",
  height: Number(query.get("height") ?? (size === "wall" ? 1000 : 420)),
  signal: new AbortController().signal,
  place,
});
