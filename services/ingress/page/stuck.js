// Payments that wait and should not, a page of them at a time: filtered by the service, sorted here.
//
// The reader is not disturbed: a refresh by itself only changes cells in place; rows appear, disappear and move only when
// the reader asks for that.

import { at, counted, made } from "./elements.js";
import { readPage } from "./listing.js";
import { by, Row } from "./row.js";

const AGAIN_MS = 10_000;

const section = at("stuck"), filter = at("stuck-filter"), heads = [...section.querySelectorAll("th button")];
const LABELS = Object.fromEntries(heads.map((head) => [head.dataset.column, head.textContent]));

const starts = [null];  // cursors of the pages up to the one that is shown
let page = { rows: [], next: null, silent: [] };
let sort = { column: "since", isDown: false };
let others = 0;         // that wait now and are not shown
let question = 0;       // the newest request; an answer to an earlier one is not shown
let isAsking = false;

function query() {
  const { inDoubt, limit, olderThan, processor } = Object.fromEntries(new FormData(filter));
  const asked = { status: "accepted", limit: Number(limit), olderThan, processor, inDoubt: inDoubt && "true" };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value));
}

async function ask(use) {
  question += 1;
  const mine = question;
  isAsking = true;
  const answer = await readPage(query(), starts.at(-1));
  if (mine !== question) return;
  isAsking = false;
  const isUnknown = "why" in answer;
  section.classList.toggle("of-then", isUnknown);
  if (isUnknown) say(`Not available now: ${answer.why}`);
  else use(answer);
}

const load = () => ask(showAnew);

function showAnew({ payments, ...rest }) {
  page = { rows: payments.map((payment, place) => new Row(payment, place, LABELS)), ...rest };
  others = 0;
  order();
  sayWhatIsShown();
}

// The same page again. A missing payment is gone if the list is complete, or has one from after it.
function showInPlace(answer) {
  if (!page.rows.length) {
    showAnew(answer);
    return;
  }
  const now = new Map(answer.payments.map((payment) => [payment.correlationId, payment]));
  const known = page.rows.filter(({ payment }) => now.has(payment.correlationId));
  const complete = answer.next === null ? Infinity : Math.max(-1, ...known.map(({ place }) => place));
  for (const row of page.rows) {
    const newer = now.get(row.payment.correlationId);
    row.isGone = !newer && (row.isGone || row.place < complete);
    row.show(newer ?? row.payment);
  }
  others = now.size - known.length;
  page = { rows: page.rows, next: answer.next, silent: answer.silent };
  sayWhatIsShown();
}

function order() {
  for (const head of heads) {
    const direction = head.dataset.column !== sort.column ? "none" : sort.isDown ? "descending" : "ascending";
    head.parentElement.setAttribute("aria-sort", direction);
  }
  const sorted = page.rows.slice().sort(by(sort.column, sort.isDown));
  section.querySelector("tbody").replaceChildren(...sorted.map(({ tr }) => tr));
}

let said = "";
function say(words) {
  if (said !== words) at("stuck-status").textContent = said = words;
}

function sayWhatIsShown() {
  const { rows, next, silent } = page, number = starts.length, isOneOfMany = number > 1 || next !== null;
  const gone = rows.filter(({ isGone }) => isGone).length;
  say([
    rows.length ? counted(rows.length, "payment", "payments") : "None",
    isOneOfMany ? ` on page ${number}; ${next === null ? "it is the last" : "there are more"}. Sorted within the page` : "", ".",
    gone ? ` ${counted(gone, "no longer waits", "no longer wait")}.` : "",
    others ? ` ${counted(others, "other waits", "others wait")}: Refresh shows ${others === 1 ? "it" : "them"}.` : "",
    silent.length ? ` No answer from ${silent.join(", ")}: calls made there are not known.` : "",
  ].join(""));
  at("stuck-at").textContent = `As of ${new Date().toLocaleTimeString("en-GB", { timeStyle: "long" })}`;
  section.querySelector("table").hidden = !rows.length;
  section.querySelector("nav").hidden = !isOneOfMany;
  at("stuck-before").setAttribute("aria-disabled", number === 1);
  at("stuck-next").setAttribute("aria-disabled", next === null);
}

// ---- the reader's actions

for (const head of heads) {
  head.addEventListener("click", () => {
    const { column } = head.dataset;
    sort = { column, isDown: column === sort.column && !sort.isDown };
    order();
  });
}
filter.addEventListener("change", () => {
  starts.splice(1);
  load();
});
filter.addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
function turn() {
  load();
  section.scrollIntoView({ block: "start" });
}
at("stuck-before").addEventListener("click", () => {
  if (starts.length === 1) return;
  starts.pop();
  turn();
});
at("stuck-next").addEventListener("click", () => {
  if (page.next === null || isAsking) return;
  starts.push(page.next);
  turn();
});
addEventListener("hashchange", () => page.rows.forEach((row) => row.mark()));

// The processors to choose from.
export function offer(names) {
  const { processor: select } = filter.elements, { value } = select;
  if ([...select.options].slice(1).map((option) => option.value).join() === names.join()) return;
  select.replaceChildren(select.options[0], ...names.map((name) => made("option", { value: name }, name)));
  select.value = names.includes(value) ? value : "";
}

let isInSight = false;
new IntersectionObserver((seen) => { isInSight = seen.at(-1).isIntersecting; }).observe(section);
setInterval(() => {
  if (isInSight && !isAsking && document.visibilityState === "visible") ask(showInPlace);
}, AGAIN_MS);
load();
