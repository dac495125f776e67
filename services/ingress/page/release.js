// The release of a payment in doubt: every processor is asked first, and the operator confirms the risk twice.

import { openDialog } from "./dialogs.js";
import { at, FORMS, made, when } from "./elements.js";
import { call } from "./session.js";

const ID_ENDS_CHARS = 12;
const ANSWERS = {
  charged: "has charged it", not_charged: "has not charged it so far",
  unreadable: "has a record of this id that cannot be read", unanswered: "does not answer",
};

const dialog = at("release"), look = at("release-look"), asked = at("release-asked"), submit = dialog.querySelector("button");
let looks = 0;  // the newest; an answer to an earlier one is not shown
let payment;    // the one that could be released now; null: none
let onRelease;  // what is done after a release

// Offers the release of a payment whose life is shown, where it can be one: in doubt, and not released already. null: there is none.
export function offerRelease(shown, then) {
  payment = shown?.waitingFor?.inDoubt && !shown.waitingFor.released ? shown : null;
  onRelease = then;
  at("may-release").hidden = payment === null;
}

// A processor that had another URL before is asked there too.
const answered = ({ processor, generation, answer, amount, requestedAt, detail }, _, all) => made("li", { class: answer },
  made("strong", {}, all.filter((each) => each.processor === processor).length > 1 ? generation : processor), ` ${ANSWERS[answer] ?? answer}`,
  ...(amount === null ? [] : [`: ${FORMS.money(amount)}`]), ...(requestedAt === null ? [] : [", sent ", when(requestedAt)]),
  ...(detail ? [made("div", { class: "more" }, detail)] : []));
const releasedBefore = ({ from, to, reason, releasedAt }) =>
  made("p", { class: "more" }, `Released before, from ${from} to ${to}: ${reason} `, when(releasedAt));

function showSight({ answers, refusal, warnings, released }) {
  look.replaceChildren(
    made("ul", {}, ...answers.map(answered)),
    ...warnings.map((text) => made("p", { class: "warning" }, text)),
    ...(released ? [releasedBefore(released)] : []),
    ...(refusal ? [made("p", { class: "refusal" }, made("strong", {}, "It cannot be released. "), refusal.detail)] : []),
  );
}

function askFor({ correlationId, risk, to }) {
  const [first, ...rest] = risk.split("\n"), end = correlationId.slice(-ID_ENDS_CHARS);
  asked.querySelector(".risk").replaceChildren(made("strong", {}, first), ` ${rest.join(" ")}`);
  at("release-to").replaceChildren(...to.map((name) => made("option", {}, name)));
  at("release-end").pattern = `\\s*${end}\\s*`;
  asked.hidden = asked.disabled = submit.hidden = false;
}

at("may-release").addEventListener("click", async ({ target }) => {
  if (!target.closest("button") || payment === null) return;
  const { correlationId: id, amount, waitingFor: { processor } } = payment, then = onRelease, path = `payments/${id}/release`;
  let sight;
  looks += 1;
  const mine = looks;
  asked.hidden = asked.disabled = submit.hidden = true;
  look.replaceChildren(made("p", { class: "more" }, "Every processor is asked about it; that takes a few seconds."));
  openDialog(dialog, { id, amount, processor }, async ({ to, reason, accepts, end }) => {
    const { from, line } = sight;
    const confirmed = { from, line, to, reason, acceptsDoubleCharge: accepts === "on", idEndsWith: end.trim() };
    const { ok, status, body } = await call(path, confirmed);
    if (ok) then();
    const isUnknown = status === 0 || status >= 500;
    return ok ? null : `${isUnknown ? "Unknown whether it was released; repeating it is safe" : "Not released"}: ${body.detail}`;
  });
  const { ok, body } = await call(path);
  if (mine !== looks) return;
  if (!ok) {
    look.replaceChildren(made("p", { class: "refusal" }, `Not available now: ${body.detail}`));
    return;
  }
  sight = body;
  showSight(sight);
  if (sight.refusal === null) askFor(sight);
});
