// One payment: searched for by its id, or by the address of the page.

import { at, counted, FORMS, made, resultOf, when } from "./elements.js";
import { offerRelease } from "./release.js";
import { call } from "./session.js";

const AGAIN_MS = 2_000;

let asked = 0;  // the newest request; an answer to an earlier one is not shown
let shown = "";  // the same answer again is not announced again

const VERDICTS = {
  accepted: () => "Accepted, waiting to be settled",
  settled: ({ processor }) => `Settled at ${processor}`,
  refused: ({ processor }) => `Refused by ${processor}`,
};
const more = (...inner) => made("div", { class: "more" }, ...inner);
const ifAny = (value, ...inner) => value ? inner : [];

// ---- its steps, each as [what, ...how], followed by the text of a dispatcher or a processor as it is

const STEPS = {
  accepted: () => ["Accepted"],
  assigned: ({ processor, dispatcher }) => [`Assigned to ${processor}`, more(`by ${dispatcher}`)],
  returned: ({ dispatcher }) => ["Returned, for any processor", more(`by ${dispatcher}`)],
  attempt: (call) => [`Call to ${call.processor}`, more(call.outcome === null ? "under way" : resultOf(call))],
  released: ({ from, to, reason }) => [`Released from ${from} to ${to}`, ...ifAny(reason, more(reason))],
  refused: ({ processor }) => [`Refused by ${processor}`],
  settled: ({ processor, amount, requestedAt, storedAt }) => [
    `Settled at ${processor}`, more(`${FORMS.money(amount)} charged, by the call sent`, when(requestedAt)), more("Stored", when(storedAt)),
  ],
};

function stepShown(step) {
  const [what, ...how] = STEPS[step.what]?.(step) ?? [step.what];
  return made("li", { class: step.what }, what, step.at ? when(step.at) : more("when is not known"),
    ...how, ...ifAny(step.detail, more(step.detail)));
}

// A payment in doubt is asked about again and again: of many calls in a row the first and the newest are visible.
const FIRST_SHOWN = 1, LAST_SHOWN = 2;
function stepsShown(steps) {
  const shown = steps.map(stepShown);
  const begin = steps.findIndex(({ what }) => what === "attempt");
  const end = steps.findLastIndex(({ what }) => what === "attempt") + 1;
  const between = shown.slice(begin + FIRST_SHOWN, end - LAST_SHOWN);
  const areAllCalls = steps.slice(begin, end).every(({ what }) => what === "attempt");
  if (begin < 0 || !areAllCalls || between.length < 2) return shown;
  const folded = made("details", {}, made("summary", {}, `${counted(between.length, "call", "calls")} between these`), made("ol", {}, ...between));
  folded.open = at("life").querySelector("details")?.open ?? false;
  return [...shown.slice(0, begin + FIRST_SHOWN), made("li", { class: "folded" }, folded), ...shown.slice(end - LAST_SHOWN)];
}

function waiting(on) {
  if (!on) return ["No dispatcher has reported it yet"];
  const { processor, since, attempts, inDoubt, dispatcher, released } = on;
  return [
    processor ? `Waits for ${processor}` : "Waits for the first serving processor",
    ...(since === null ? [] : [" since ", when(since)]),
    ...ifAny(dispatcher, more(`Assigned to ${dispatcher}`)),
    ...ifAny(released, more("Released by an operator: sent there once its dispatcher has returned it")),
    ...ifAny(attempts, more(`${counted(attempts, "call", "calls")} so far`)),
    ...ifAny(inDoubt && !released, more(`${processor ?? "One"} may have charged it already: it stays there until that is known`)),
  ];
}
const ENDS = {
  accepted: ({ waitingFor }) => [made("li", { class: "waiting" }, ...waiting(waitingFor), more("Not settled yet; asked again every two seconds"))],
  settled: () => [],
  refused: () => [],
};
const after = ({ status, requestedAt, acceptedAt }) => status !== "settled" ? []
  : [made("p", { class: "more" }, `Sent to be charged ${FORMS.span((Date.parse(requestedAt) - Date.parse(acceptedAt)) / 1000)} after it was accepted`)];

// After a link to a payment it is in view, on a phone too, until the reader moves the page.
let isLinked = false;
export function bringIntoView() {
  if (isLinked) at("life").parentElement.scrollIntoView({ block: "nearest" });
}
for (const moved of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(moved, () => { isLinked = false; });

function showOnce(...inner) {
  const text = inner.map((element) => element.textContent).join();
  if (text !== shown) at("life").replaceChildren(...inner);
  bringIntoView();
  shown = text;
}

function showLife(payment) {
  const { status, steps, notKnown } = payment;
  showOnce(
    made("p", { class: "verdict" }, VERDICTS[status](payment)),
    made("p", { class: "id" }, payment.correlationId),
    made("p", {}, `Amount ${FORMS.money(payment.amount)}`),
    ...after(payment),
    made("ol", {}, ...stepsShown(steps), ...ENDS[status](payment)),
    ...notKnown.map((sentence) => made("p", { class: "more" }, `Not known: ${sentence}.`)),
  );
}

const showNoLife = (verdict, detail) =>
  showOnce(made("p", { class: "verdict" }, verdict), made("p", { class: "more" }, detail));

async function lookUp(id, question) {
  const { ok, status, body } = await call(`payments/${encodeURIComponent(id)}/life`);
  if (question !== asked) return;
  offerRelease(ok ? body : null, () => question === asked && search(id));
  if (ok) showLife(body);
  else if (status === 0) showNoLife("No answer", `${body.detail}. Asked again every two seconds.`);
  else if (status === 404) showNoLife("No such payment", "No payment with this id was accepted, settled or refused.");
  else if (status >= 500) showNoLife("Not available now", `${body.detail} Asked again every two seconds.`);
  else if (status === 400) showNoLife("Not a valid id", body.detail);
  else showNoLife("Not shown", body.detail);
  const again = status === 0 || status >= 500 || status === 429 || body.status === "accepted";
  if (again) setTimeout(() => question === asked && lookUp(id, question), AGAIN_MS);
}

function search(id) {
  asked += 1;
  lookUp(id, asked);
}

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = at("id").value.trim();
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);  // so that a payment can be shared
  search(id);
});

function searchForTheHash() {
  const id = location.hash.slice(1);
  if (!id || id === "id") return;  // #id is where the skip link leads
  at("id").value = id;
  isLinked = true;
  search(id);
}
addEventListener("hashchange", searchForTheHash);
searchForTheHash();
