// One load test for every profile. It offers payments, breaks the processors on schedule, compares what the backend
// says with what the processors booked, and reads the totals at the end: the same calls, with the same timeouts, as the
// challenge's own scripts.
//
// Everything that happened is a line of JSON on the console, which k6 writes to the journal file. The line per payment
// costs 10 us of the 600 us that k6 spends on a payment anyway, and records, id by id, what was accepted, what
// failed and what stayed in doubt. Nothing is added up here: that is the score's work.
//
// RUN (environment): {"profile": {...}, "backend": url, "processors": {"default": url, "fallback": url}, "token": "...",
//   "key": {} or {"Authorization": "Bearer ..."}}
import { sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";

const { profile, backend, processors, token, key } = JSON.parse(__ENV.RUN);
const names = ["default", "fallback"];
const timeout = "1500ms"; // the challenge's client gives up then
const json = { "Content-Type": "application/json" };
const own = { ...json, ...key }; // to the backend
const admin = { ...json, "X-Rinha-Token": token };
const amount = profile.amount_cents / 100;

const once = { executor: "per-vu-iterations", vus: 1, iterations: 1, maxDuration: `${profile.length_s + 5}s` };

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ["count", "med", "p(99)"],
  scenarios: {
    payments: {
      exec: "pay",
      executor: "ramping-vus",
      startVUs: profile.users_at_start,
      stages: profile.users.map((step) => ({ duration: `${step.during_s}s`, target: step.up_to })),
      gracefulRampDown: "0s",
      gracefulStop: "30s", // nobody hangs up at the end: each payment offered gets its line
    },
    stages: { exec: "applyStages", ...once },
    checks: { exec: "compare", ...once },
  },
};

function record(line) {
  console.log(JSON.stringify(line));
}

function sleepUntil(second) {
  const left_ms = exec.scenario.startTime + second * 1000 - Date.now();
  if (left_ms > 0) sleep(left_ms / 1000);
}

export function setup() {
  for (const name of names) {
    const url = `${processors[name]}/admin`;
    http.put(`${url}/configurations/token`, JSON.stringify({ token }), {
      headers: { ...admin, "X-Rinha-Token": "123" },
    });
    http.post(`${url}/purge-payments`, null, { headers: admin });
  }
  http.post(`${backend}/purge-payments`, null, { headers: key, timeout }); // a backend need not offer this
  record({ kind: "start", at_ms: Date.now() });
}

export function pay() {
  const id = crypto.randomUUID();
  const at_ms = Date.now();
  const answer = http.post(`${backend}/payments`, JSON.stringify({ correlationId: id, amount }), {
    headers: own,
    timeout,
  });
  // Written out: JSON.stringify would double what the line costs (18 us instead of 10).
  const outcome = `"status":${answer.status},"took_ms":${answer.timings.duration}`;
  console.log(`{"kind":"payment","id":"${id}","at_ms":${at_ms},${outcome}}`);
  sleep(profile.sleep_s);
}

export function applyStages() {
  for (const stage of profile.stages) {
    sleepUntil(stage.second);
    const changes = names.flatMap((name) => [
      change(name, "delay", { delay: stage[name].delay_ms }),
      change(name, "failure", { failure: stage[name].failing }),
    ]);
    const refused = http.batch(changes).filter((answer) => answer.status !== 200).length;
    record({ kind: "stage", at_ms: Date.now(), second: stage.second, refused });
  }
}

function change(name, what, body) {
  const tags = { name: `admin ${what}` };
  return ["PUT", `${processors[name]}/admin/configurations/${what}`, JSON.stringify(body), { headers: admin, tags }];
}

export function compare() {
  const { every_s, from_s_ago, to_s_ago, bracketed } = profile.check;
  for (let second = 0; second < profile.length_s; second += every_s) {
    sleepUntil(second);
    record({ kind: "check", ...summaries(from_s_ago, to_s_ago, bracketed) });
  }
}

export function teardown() {
  record({ kind: "totals", ...summaries(profile.totals.last_s, 0) });
}

// What the backend says and what the processors booked in one period, asked of all three at the same moment; bracketed:
// the processors also just before and just after, since three answers are never of quite the same moment.
function summaries(from_s_ago, to_s_ago, bracketed = false) {
  const at_ms = Date.now();
  const from = new Date(at_ms - from_s_ago * 1000).toISOString();
  const to = new Date(at_ms - to_s_ago * 1000).toISOString();
  const ask = (url, headers) => {
    const params = { headers, timeout, responseType: "text", tags: { name: url } };
    return ["GET", `${url}?from=${from}&to=${to}`, null, params];
  };
  const askBackend = ask(`${backend}/payments-summary`, key);
  const askProcessors = names.map((name) => ask(`${processors[name]}/admin/payments-summary`, admin));
  const before = bracketed ? answers(askProcessors) : null;
  const [said, ...booked] = answers([askBackend, ...askProcessors]);
  const after = bracketed ? answers(askProcessors) : null;
  const byName = (summaries) => Object.fromEntries(names.map((name, i) => [name, totals(summaries[i])]));
  return {
    at_ms,
    said: Object.fromEntries(names.map((name) => [name, totals(said[name])])),
    booked: byName(booked),
    before: before && byName(before),
    after: after && byName(after),
    fees: Object.fromEntries(names.map((name, i) => [name, booked[i].feePerTransaction ?? null])),
  };
}

function answers(requests) {
  return http.batch(requests).map((answer) => (answer.status === 200 ? answer.json() : {})); // no answer counts as zeros
}

function totals(summary) {
  return { count: summary?.totalRequests ?? 0, cents: Math.round((summary?.totalAmount ?? 0) * 100) };
}

export function handleSummary(data) {
  const calls = data.metrics["http_req_duration{expected_response:true}"]?.values;
  record({ kind: "calls", count: calls?.count ?? 0, p50_ms: calls?.med ?? 0, p99_ms: calls?.["p(99)"] ?? 0 });
  return {};
}
