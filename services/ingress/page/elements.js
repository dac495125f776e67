// How figures are written, and how elements are made.

export const at = (id) => document.getElementById(id);

export const UNKNOWN = "–";
const written = (digits) => (n) => n.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const short = (n) => n.toLocaleString("en", { notation: n < 10_000 ? "standard" : "compact" });  // beside an axis
export const FORMS = {
  text: String,
  whole: written(0),
  rate: (n) => written(n < 100 ? 1 : 0)(n),
  ms: (n) => written(n < 100 ? 1 : 0)(n),
  took: (n) => `${FORMS.ms(n)} ms`,
  money: written(2),
  percent: (n) => `${written(n * 100 % 1 ? 1 : 0)(n * 100)} %`,
  span: (s) => s < 1 ? `${Math.round(s * 1000)} ms` : s < 60 ? `${written(s < 10 ? 1 : 0)(s)} s` : s < 3600 ? `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`
    : `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`,
};
export const counted = (count, one, many) => `${FORMS.whole(count)} ${count === 1 ? one : many}`;
const OUTCOMES = { notBooked: "not booked" };  // the others are shown as they are
export const resultOf = ({ outcome, tookMs }) => `${OUTCOMES[outcome] ?? outcome} after ${FORMS.took(tookMs)}`;  // of a call

const found = (document, path) => path.split(".").reduce((inner, name) => inner?.[name], document);

// Elements declare what they show: data-show="<form> <path in the document>".
export function show(element, values) {
  for (const place of element.querySelectorAll("[data-show]")) {
    const [form, path] = place.dataset.show.split(" ");
    const value = found(values, path);
    const text = value == null ? UNKNOWN : FORMS[form](value);
    if (place.textContent === text) continue;
    place.textContent = text;
    place.style.setProperty("--length", text.length);  // for the style, which shrinks long texts
  }
}

export function made(name, attributes = {}, ...inner) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inner);
  return element;
}

export function drawn(name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
// A stamp in the reader's own zone, with the zone's name.
export const when = (text) => {
  const stamp = new Date(text);
  const zone = ZONE.formatToParts(stamp).find(({ type }) => type === "timeZoneName").value;
  const local = `${stamp.toLocaleDateString("sv")} ${stamp.toLocaleTimeString("sv")}.${String(stamp.getMilliseconds()).padStart(3, "0")} ${zone}`;
  return made("time", { datetime: text, class: "more" }, local);
};
