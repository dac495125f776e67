// The operator's page: one document a second by EventSource, shown as it is; what is unknown is shown as unknown.

const KEEP_MS = 300_000;       // of the plots
const PLOT_LEAST_MS = 60_000;
const GAP_MS = 3_500;          // two documents further apart are not joined by a line
const STALE_MS = 4_000;        // without a document for so long, the page says so
const REOPEN_MS = 8_000;       // an instance that is frozen does not end its stream: take another
const RETRY_MS = 2_000;
const LIFE_AGAIN_MS = 2_000;

const at = (id) => document.getElementById(id);
const html = document.documentElement;

// ---- how figures are written

const UNKNOWN = "–";
const written = (digits) => (n) => n.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const short = (n) => n.toLocaleString("en", { notation: n < 10_000 ? "standard" : "compact" });  // beside an axis
const FORMS = {
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
const found = (document, path) => path.split(".").reduce((inner, name) => inner?.[name], document);

// Elements say themselves what they show: data-show="<form> <path in the document>".
function show(element, values) {
  for (const place of element.querySelectorAll("[data-show]")) {
    const [form, path] = place.dataset.show.split(" ");
    const value = found(values, path);
    const text = value == null ? UNKNOWN : FORMS[form](value);
    if (place.textContent === text) continue;
    place.textContent = text;
    place.style.setProperty("--length", text.length);  // by which the style keeps it in its place
  }
}

function made(name, attributes = {}, ...inner) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inner);
  return element;
}

function drawn(name, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// ---- plots

const kept = [];  // of {ms, document}

class Plot {
  // curves: [{name, look, of(document) -> number or null}]; unit follows a number in the text for who cannot see it.
  constructor(title, unit, curves) {
    Object.assign(this, { title, unit, curves });
    this.svg = drawn("svg", { role: "img" });
    const keys = curves.map(({ name, look }) => {
      const sample = drawn("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" });
      sample.append(drawn("path", { class: `curve ${look}`, d: "M1 4H21" }));
      return made("span", {}, sample, name);
    });
    const caption = made("figcaption", {}, made("strong", {}, title), ...keys);
    at("plots").append(made("figure", {}, caption, this.svg));
  }

  draw(now) {
    const [width, height] = [this.svg.clientWidth || 400, 150];
    const [left, bottom, top] = [38, height - 18, 8];
    const span = Math.min(KEEP_MS, Math.max(PLOT_LEAST_MS, now - kept[0].ms));
    const values = this.curves.map(({ of }) => kept.map(({ document }) => of(document)));
    const most = this.ceiling(Math.max(0, ...values.flat()));
    const x = (ms) => width - 6 - (now - ms) / span * (width - 6 - left);
    const y = (value) => bottom - value / most * (bottom - top);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", this.told(values, span));
    this.svg.replaceChildren(
      ...this.bands(x, top, bottom),
      ...[0, most / 2, most].flatMap((value) => [
        drawn("path", { class: "grid", d: `M${left} ${y(value)}H${width - 6}` }),
        drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)),
      ]),
      drawn("text", { x: left, y: height - 3 }, span < 120_000 ? `${Math.round(span / 1000)} s ago`
        : `${written(span % 60_000 ? 1 : 0)(span / 60_000)} min ago`),
      drawn("text", { x: width - 6, y: height - 3, "text-anchor": "end" }, "now"),
      ...this.curves.map(({ look }, index) => drawn("path", { class: `curve ${look}`, d: this.path(values[index], x, y) })),
    );
  }

  ceiling(most) {
    const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
    return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((bound) => bound >= most && bound >= 2) ?? 10 * power;
  }

  path(values, x, y) {
    let path = "", before = -Infinity;
    kept.forEach(({ ms }, index) => {
      if (values[index] === null) { before = -Infinity; return; }
      path += `${ms - before > GAP_MS ? "M" : "L"}${x(ms).toFixed(1)} ${y(values[index]).toFixed(1)}`;
      before = ms;
    });
    return path;
  }

  // Behind the curves: when something was wrong.
  bands(x, top, bottom) {
    const bands = [];
    kept.forEach(({ ms, document }, index) => {
      if (!document.troubles.length) return;
      const end = kept[index + 1]?.ms ?? ms;
      if (bands.at(-1)?.end === ms) bands.at(-1).end = end; else bands.push({ begin: ms, end });
    });
    return bands.map(({ begin, end }) =>
      drawn("rect", { class: "band", x: x(begin), y: top, width: Math.max(2, x(end) - x(begin)), height: bottom - top }));
  }

  told(values, span) {
    const told = this.curves.map(({ name }, index) => {
      const known = values[index].filter((value) => value !== null);
      if (!known.length) return `${name} unknown`;
      const now = values[index].at(-1);
      return `${name} now ${now === null ? "unknown" : FORMS.rate(now)}, at most ${FORMS.rate(Math.max(...known))}`;
    });
    return `${this.title} over the last ${Math.round(span / 1000)} seconds, ${this.unit}: ${told.join("; ")}.`;
  }
}

const PLOTS = [
  new Plot("Payments a second", "payments a second", [
    { name: "accepted", look: "blue", of: (now) => now.payments.acceptedPerS },
    { name: "settled", look: "green second", of: (now) => now.payments.settledPerS },
  ]),
  new Plot("Time of a POST, ms", "milliseconds", [
    { name: "p99", look: "violet", of: (now) => now.post.p99Ms },
    { name: "p50", look: "violet second", of: (now) => now.post.p50Ms },
  ]),
  new Plot("Waiting", "payments", [{ name: "not settled yet", look: "amber", of: (now) => now.payments.backlog }]),
  new Plot("Saved", "in units of money", [{ name: "in all", look: "green", of: (now) => now.totals.saved }]),
];

// ---- what a document changes

const cloned = (id) => at(id).content.firstElementChild.cloneNode(true);

function showEach(list, template, values, more) {
  while (list.children.length < values.length) list.append(cloned(template));
  while (list.children.length > values.length) list.lastElementChild.remove();
  values.forEach((value, index) => {
    const element = list.children[index];
    show(element, value);
    const chip = element.querySelector(".chip");
    chip.dataset.is = chip.textContent;
    more(element, value);
  });
}

function showShare(card, processor) {
  card.querySelector(".share div").style.width = `${(processor.share ?? 0) * 100}%`;
}

function showSince(row, { state, seenS, startedAt }, now) {
  const heard = seenS === null ? "never heard of" : `heard ${FORMS.span(Math.round(seenS))} ago`;
  const up = startedAt === null ? "answers" : `up for ${FORMS.span((Date.parse(now) - Date.parse(startedAt)) / 1000)}`;
  row.querySelector(".more").textContent = state === "up" ? up : heard;
}

function showTroubles(troubles) {
  at("troubles").hidden = !troubles.length;
  const list = at("troubles").querySelector("ul");
  list.replaceChildren(...troubles.map((trouble) => made("li", {}, trouble)));
}

// Said aloud only when something else is wrong than before: not for each second that passes.
let said = "";
function say(state, words, details = []) {
  html.dataset.state = state;
  at("state").textContent = words;
  document.title = state === "well" ? "Tarifa" : `${words} - Tarifa`;
  const sentence = [words.replace(/ for \d.*/, ""), ...details.map((text) => text.replace(/ for \d+ s/, ""))].join(". ");
  if (said !== sentence) at("said").textContent = said = sentence;
}

function take(news) {
  const ms = Date.now();
  kept.push({ ms, document: news });
  while (ms - kept[0].ms > KEEP_MS) kept.shift();
  show(document.body, news);
  showEach(at("processors"), "processor", news.processors, showShare);
  showEach(at("services"), "service", news.services, (row, service) => showSince(row, service, news.at));
  showTroubles(news.troubles);
  at("at").textContent = new Date(news.at).toLocaleTimeString("en-GB", { timeStyle: "long" });
  at("at").dateTime = news.at;
  const count = news.troubles.length;
  if (count) say("troubled", count === 1 ? "1 trouble" : `${count} troubles`, news.troubles);
  else say("well", "All is well");
  PLOTS.forEach((plot) => plot.draw(ms));
  if (kept.length === 1) bringIntoView();  // cards have come in above it
}

// ---- the stream, which comes back by itself

let stream, opened;
function openStream() {
  opened = Date.now();
  stream = new EventSource("events");
  stream.addEventListener("vitals", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("caller", (event) => showCaller(JSON.parse(event.data)));
  // A stream that was cut opens again by itself; one that was answered with an error does not.
  stream.onerror = async ({ target }) => {
    if (target.readyState !== EventSource.CLOSED || target !== stream) return;
    await leaveIfSignedOut();
    setTimeout(openStream, RETRY_MS);
  };
}

// Only where keys are asked for is somebody signed in.
function showCaller({ keyName }) {
  at("key-name").textContent = keyName;
  at("caller").hidden = false;
}

// A key that was revoked, or signed out of in another window: the page itself is then answered with the way to sign in.
async function leaveIfSignedOut() {
  try {
    const answer = await fetch("./", { method: "HEAD", redirect: "manual", headers: { accept: "text/html" } });
    if (answer.type === "opaqueredirect") location.assign("sign-in");
  } catch {
    // Nobody answers: that is shown, and tried again.
  }
}

const begun = Date.now();
function watch() {
  const ms = Date.now(), heard = kept.at(-1)?.ms ?? begun;
  if (ms - heard > STALE_MS) {
    say("lost", `No news for ${Math.round((ms - heard) / 1000)} s, trying again`);
    if (kept.length) PLOTS.forEach((plot) => plot.draw(ms));
  }
  if (ms - Math.max(heard, opened) > REOPEN_MS && stream.readyState !== EventSource.CLOSED) {
    stream.close();
    openStream();
  }
}

openStream();
setInterval(watch, 1_000);
addEventListener("resize", () => { if (kept.length) PLOTS.forEach((plot) => plot.draw(Date.now())); });

// ---- one payment's life

let asked = 0;  // the newest question; an answer to an earlier one is not shown
let shown = "";  // the same answer again is not said again

const ZONE = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
const when = (text) => {
  const stamp = new Date(text);
  const zone = ZONE.formatToParts(stamp).find(({ type }) => type === "timeZoneName").value;
  const local = `${stamp.toLocaleDateString("sv")} ${stamp.toLocaleTimeString("sv")}.${text.slice(20, 23)} ${zone}`;
  return made("time", { datetime: text, class: "more" }, local);
};

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
function bringIntoView() {
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
  if (again) setTimeout(() => question === asked && lookUp(id, question), LIFE_AGAIN_MS);
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
