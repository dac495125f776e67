// One page of GET /payments: as many payments as it is to have, or all that there are.

import { call } from "./session.js";

const ASKS_MAX = 10;  // an answer has what the service found within a second: less than a page perhaps, or nothing
const BUSY_MS = 500;  // an instance reads two lists at once: then it is asked again

const pause = (ms) => new Promise((resume) => { setTimeout(resume, ms); });

// query: as the API has it, with its limit. Returns {payments, next, silent}, or {why} where it is not known.
export async function readPage(query, cursor) {
  const payments = new Map(), silent = new Set();
  let next = cursor;
  for (let asks = 0; asks < ASKS_MAX; asks += 1) {
    const wanted = { ...query, limit: query.limit - payments.size, ...(next === null ? {} : { cursor: next }) };
    const { ok, told } = await call(`payments?${new URLSearchParams(wanted)}`);
    if (!ok && told.error === "too_many_lists") {
      await pause(BUSY_MS);
      continue;
    }
    if (!ok) return { why: told.detail };
    for (const payment of told.payments) payments.set(payment.correlationId, payment);
    for (const name of told.dispatchers?.silent ?? []) silent.add(name);
    next = told.next;
    if (next === null || payments.size >= query.limit) break;
  }
  return { payments: [...payments.values()], next, silent: [...silent] };
}
