// What the plots show: the past as the ledger knows it, followed by what has come since, once a second.

import { at, made } from "./elements.js";
import { draw } from "./plots.js";
import { call } from "./session.js";

const MINUTE_MS = 60_000, HOUR_MS = 3_600_000;
const RANGES = {
  "5m": { ms: 5 * MINUTE_MS, text: "5 min", words: "5 minutes" },
  "15m": { ms: 15 * MINUTE_MS, text: "15 min", words: "15 minutes" },
  "1h": { ms: HOUR_MS, text: "1 h", words: "hour" },
  "6h": { ms: 6 * HOUR_MS, text: "6 h", words: "6 hours" },
  "24h": { ms: 24 * HOUR_MS, text: "24 h", words: "24 hours" },
};
const ASK_EVERY_MS = MINUTE_MS;
const ASK_AGAIN_MS = 5_000;
const LIVE_MS = 10 * MINUTE_MS;  // longer than the newest step of any range and the time until the next request for it
const UPDATE_EVERY_MS = 1_000;

let past = [];   // points of the ledger's steps
let live = [];   // points of the documents since
let ahead = 0;   // how far the service's clock is ahead of this machine's, which need not be right
let asked = 0;   // the newest request; an answer to an earlier one is not shown
let asking;

const chosen = () => at("range").querySelector(":checked").value;
const now = () => Date.now() + ahead;
export const drawPlots = () => draw([...past, ...live], RANGES[chosen()], now());

function ofStep(step, fromMs) {
  const ms = Date.parse(step.to);
  return {
    ms, ofMs: ms - fromMs, isLive: false, troubledMs: step.troubles ? ms - fromMs : 0, accepted: step.acceptedPerS,
    settled: step.settledPerS, p99: step.p99Ms, p50: step.p50Ms, waiting: step.backlog, saved: step.saved,
  };
}

function ofDocument({ at: time, window_s, payments, post, totals, troubles }) {
  return {
    ms: Date.parse(time), ofMs: window_s * 1_000, isLive: true, troubledMs: troubles.length ? UPDATE_EVERY_MS : 0,
    accepted: payments.acceptedPerS, settled: payments.settledPerS, p99: post.p99Ms, p50: post.p50Ms,
    waiting: payments.backlog, saved: totals.saved,
  };
}

// Periodically: the newest steps of the past may still have grown, by what was sent in them and settled later.
async function ask() {
  const question = asked += 1;
  clearTimeout(asking);
  asking = setTimeout(ask, ASK_EVERY_MS);
  const { ok, body } = await call(`history?range=${chosen()}`);
  if (question !== asked) return;
  at("past").textContent = ok ? "" : `The past cannot be shown now (${body.detail}); asked again every few seconds.`;
  if (ok) {
    past = body.steps.map((step, index) => ofStep(step, Date.parse(body.steps[index - 1]?.to ?? body.from)));
    live = live.filter(({ ms }) => ms > Date.parse(body.to));
    drawPlots();
  } else {
    clearTimeout(asking);
    asking = setTimeout(ask, ASK_AGAIN_MS);
  }
}

// Adds the newest document of the stream.
export function plotNews(news) {
  const point = ofDocument(news);
  ahead = point.ms - Date.now();
  live = live.filter(({ ms }) => point.ms - LIVE_MS < ms && ms < point.ms);
  live.push(point);
  drawPlots();
}

// The address has the range, so that it stays, and can be shared.
function choose() {
  const address = new URL(location);
  address.searchParams.set("range", chosen());
  history.replaceState(null, "", address);
  drawPlots();
  ask();
}

const wanted = new URLSearchParams(location.search).get("range");
for (const [name, { text }] of Object.entries(RANGES)) {
  const button = made("input", { type: "radio", name: "range", value: name, autocomplete: "off" });
  button.checked = name === (Object.hasOwn(RANGES, wanted) ? wanted : "5m");
  at("range").append(made("label", {}, button, text));
}
at("range").addEventListener("change", choose);
addEventListener("resize", drawPlots);
drawPlots();
ask();
