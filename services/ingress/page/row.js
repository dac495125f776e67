// A payment that waits, as a row of a table: its cells, and the keys by which the rows are sorted.

import { FORMS, made, resultOf, UNKNOWN, when } from "./elements.js";

const more = (text) => made("span", { class: "more" }, ` ${text}`);
const since = ({ waitingFor, acceptedAt }) => waitingFor?.since ?? acceptedAt;

// By column: what is shown of a payment, and its sort key; null is not known.
const COLUMNS = {
  id: {
    key: ({ correlationId }) => correlationId,
    // In halves: the line breaks between them.
    cell: ({ correlationId: id }) => [made("a", { href: `#${id}` }, made("span", {}, id.slice(0, 19)), made("span", {}, id.slice(19)))],
  },
  amount: { key: ({ amount }) => amount, cell: ({ amount }) => [FORMS.money(amount)] },
  waits: {
    key: ({ waitingFor }) => waitingFor?.processor ?? null,
    cell: ({ waitingFor }) => [
      waitingFor ? waitingFor.processor ?? "any serving processor" : "no dispatcher yet",
      ...(waitingFor?.inDoubt ? [more("in doubt")] : []),
    ],
  },
  since: {
    key: (payment) => Date.parse(since(payment)),
    cell: (payment) => {
      const stamp = since(payment), time = when(stamp), s = Math.round((Date.now() - Date.parse(stamp)) / 1000);
      time.title = time.textContent;
      time.textContent = timeOf(stamp);
      return [time, more(`for ${FORMS.span(Math.max(0, s))}`)];  // our clock may be behind
    },
  },
  attempts: {
    key: ({ waitingFor }) => waitingFor?.attempts ?? null,
    cell: ({ waitingFor }) => [waitingFor ? FORMS.whole(waitingFor.attempts) : UNKNOWN],
  },
  last: {
    key: ({ waitingFor }) => waitingFor?.lastAttempt?.outcome ?? null,
    cell: ({ waitingFor }) => {
      const last = waitingFor?.lastAttempt;
      if (!last) return [UNKNOWN];
      if (last.outcome === null) return ["a call is under way"];
      return [resultOf(last), ...(last.detail ? [more(last.detail)] : [])];
    },
  },
};

function timeOf(text) {
  const stamp = new Date(text), time = stamp.toLocaleTimeString("sv");
  return stamp.toDateString() === new Date().toDateString() ? time : `${stamp.toLocaleDateString("sv")} ${time}`;
}

// place: in the service's order. labels: by column, for narrow screens without heads.
export class Row {
  constructor(payment, place, labels) {
    Object.assign(this, { payment, place, isGone: false });
    const cells = Object.keys(COLUMNS).map((name) =>
      made("td", { role: "cell", class: name, "data-label": labels[name] }, made("div")));
    this.tr = made("tr", { role: "row" }, ...cells);
    this.show(payment);
  }

  // An unchanged cell is left alone: it may be read, or selected to be copied.
  show(payment) {
    this.payment = payment;
    this.tr.classList.toggle("gone", this.isGone);
    Object.entries(COLUMNS).forEach(([name, { cell }], index) => {
      if (this.isGone && name === "since") return;  // it has ended
      const place = this.tr.cells[index].firstChild, inner = this.isGone && name === "waits" ? ["no longer waits"] : cell(payment);
      if (place.textContent !== inner.map((each) => each.textContent ?? each).join("")) place.replaceChildren(...inner);
    });
    this.mark();
  }

  // Whether it is the one whose life is shown.
  mark() {
    const link = this.tr.querySelector("a");
    if (link.hash === location.hash) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

// What is not known is last, in either direction; equal ones are in the service's order.
export const by = (column, isDown) => (one, other) => {
  const [a, b] = [one, other].map(({ payment }) => COLUMNS[column].key(payment));
  if (a === null || b === null) return (a === null) - (b === null) || one.place - other.place;
  const sign = a < b ? -1 : a > b ? 1 : 0;
  return (isDown ? -sign : sign) || one.place - other.place;
};
