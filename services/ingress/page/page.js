// The operator's page: one document a second by EventSource, shown as it is; what is unknown is shown as unknown.

import { at, drawn, FORMS, made, short, show, written } from "./elements.js";
import { bringIntoView } from "./life.js";
import { leaveIfSignedOut } from "./session.js";

const KEEP_MS = 300_000;       // of the plots
const PLOT_LEAST_MS = 60_000;
const GAP_MS = 3_500;          // two documents further apart are not joined by a line
const STALE_MS = 4_000;        // without a document for so long, the page says so
const REOPEN_MS = 8_000;       // an instance that is frozen does not end its stream: take another
const RETRY_MS = 2_000;

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
  document.documentElement.dataset.state = state;
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
