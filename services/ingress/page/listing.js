// One page of GET /payments: as many payments as requested, or all that there are.

import { call } from "./session.js";

const ASKS_MAX = 10;  // an answer has what the service found within a second: perhaps less than a page, or nothing
const BUSY_MS = 500;  // an instance reads two lists at once: if it is busy it is asked again

const pause = (ms) => new Promise((resume) => { setTimeout(resume, ms); });

// query: as in the API, with its limit. Returns {payments, next, silent}, or {why} if it is not known.
export async function readPage(query, cursor) {
  const payments = new Map(), silent = new Set();
  let next = cursor;
  for (let asks = 0; asks < ASKS_MAX; asks += 1) {
    const wanted = { ...query, limit: query.limit - payments.size, ...(next === null ? {} : { cursor: next }) };
    const { ok, body } = await call(`payments?${new URLSearchParams(wanted)}`);
    if (!ok && body.error === "too_many_lists") {
      await pause(BUSY_MS);
      continue;
    }
    if (!ok) return { why: body.detail };
    for (const payment of body.payments) payments.set(payment.correlationId, payment);
    for (const name of body.dispatchers?.silent ?? []) silent.add(name);
    next = body.next;
    if (next === null || payments.size >= query.limit) break;
  }
  return { payments: [...payments.values()], next, silent: [...silent] };
}
