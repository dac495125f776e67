// One payment: searched for by its id, or by the address of the page.

import { at, FORMS, made, when, written } from "./elements.js";
import { leaveIfSignedOut } from "./session.js";

const AGAIN_MS = 2_000;

let asked = 0;  // the newest question; an answer to an earlier one is not shown
let shown = "";  // the same answer again is not said again

const VERDICTS = {
  accepted: () => "Accepted, waits to be settled",
  settled: ({ processor }) => `Settled at ${processor}`,
  refused: ({ processor }) => `Refused by ${processor}`,
};
const calls = (count) => count === 1 ? "1 call" : `${written(0)(count)} calls`;
function waiting(on) {
  if (!on) return ["In no dispatcher's hands yet"];
  const { processor, since, attempts, inDoubt, dispatcher, released } = on;
  return [
    processor ? `Waits for ${processor}` : "Waits for the first processor that serves",
    ...(since === null ? [] : [" since ", when(since)]),
    ...(dispatcher ? [made("div", { class: "more" }, `Assigned to ${dispatcher}`)] : []),
    ...(released ? [made("div", { class: "more" }, "Released by an operator from where it was before")] : []),
    ...(attempts ? [made("div", { class: "more" }, `${calls(attempts)} made so far`)] : []),
    ...(inDoubt ? [made("div", { class: "more" }, `${processor ?? "One"} may have charged it already: it stays there until that is known`)] : []),
  ];
}
const ENDS = {
  accepted: ({ waitingFor }) => [
    ...waiting(waitingFor), made("div", { class: "more" }, "Not settled yet; asked again every two seconds"),
  ],
  settled: ({ requestedAt, acceptedAt, processor }) => [
    `Settled at ${processor}, by the call sent `, when(requestedAt),
    made("div", { class: "more" }, `${FORMS.span((Date.parse(requestedAt) - Date.parse(acceptedAt)) / 1000)} after it was accepted`),
  ],
  refused: ({ detail, processor }) => [`Refused by ${processor}`, made("div", { class: "more" }, detail)],
};

// Who follows a link to a payment sees it, on a phone too, until they move the page themselves.
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
  const { status } = payment;
  showOnce(
    made("p", { class: "verdict" }, VERDICTS[status](payment)),
    made("p", { class: "id" }, payment.correlationId),
    made("p", {}, `Amount ${FORMS.money(payment.amount)}`),
    made("ol", {},
      made("li", { class: "accepted" }, "Accepted ", when(payment.acceptedAt)),
      made("li", { class: status === "accepted" ? "waiting" : status }, ...ENDS[status](payment))),
  );
}

const showNoLife = (verdict, detail) =>
  showOnce(made("p", { class: "verdict" }, verdict), made("p", { class: "more" }, detail));

async function lookUp(id, question) {
  let again = true;
  try {
    const answer = await fetch(`payments/${encodeURIComponent(id)}`, { headers: { accept: "application/json" } });
    const told = await answer.json();
    if (question !== asked) return;
    again = answer.status >= 500 || answer.status === 429 || told.status === "accepted";
    if (answer.status === 401) await leaveIfSignedOut();
    if (answer.ok) showLife(told);
    else if (answer.status === 404) showNoLife("No such payment", "Nothing is known of that id: not accepted, not settled, not refused.");
    else if (answer.status >= 500) showNoLife("It cannot be told now", `${told.detail} Asked again every two seconds.`);
    else if (answer.status === 400) showNoLife("That is no id", told.detail);
    else showNoLife("It is not told", told.detail);
  } catch (error) {
    if (question !== asked) return;
    showNoLife("No answer", `${error.message}. Asked again every two seconds.`);
  }
  if (again) setTimeout(() => question === asked && lookUp(id, question), AGAIN_MS);
}

function search(id) {
  asked += 1;
  lookUp(id, asked);
}

at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = at("id").value.trim();
  history.replaceState(null, "", `#${encodeURIComponent(id)}`);  // so that a payment can be shown to somebody else
  search(id);
});

function searchWhatTheAddressSays() {
  const id = location.hash.slice(1);
  if (!id || id === "id") return;  // #id is where the skip link leads
  at("id").value = id;
  isLinked = true;
  search(id);
}
addEventListener("hashchange", searchWhatTheAddressSays);
searchWhatTheAddressSays();
