/** CampaignMetrics between model and view: traits in, rows from the hub. */
import { campaignMetrics } from "../components/campaign_metrics";
import { adapter, commonOf, textOf } from "../lib/adapter";

export default adapter({
  name: "CampaignMetrics",
  traits: ["title", "currency", "theme", "size"],
  options: (model) => ({ ...commonOf(model), currency: textOf(model, "currency", "USD") }),
  view: (root, page, signal) => campaignMetrics(root, { onPainted: page.painted }, signal),
});
