// The operator's page: one document a second by EventSource, shown as it is; unknown values are shown as unknown.

import { at, FORMS, made, show } from "./elements.js";
import { drawPlots, plotNews } from "./history.js";
import { bringIntoView } from "./life.js";
import { showOperating } from "./operating.js";
import { leaveIfSignedOut, showCaller } from "./session.js";
import { offer } from "./stuck.js";

const STALE_MS = 4_000;        // after this long without a document the page says so
const REOPEN_MS = 8_000;       // an instance that does not respond does not end its stream: connect to another
const RETRY_MS = 2_000;

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

function showProcessor(card, processor) {
  showOperating(card, processor);
  card.querySelector(".share div").style.width = `${(processor.share ?? 0) * 100}%`;
}

function showSince(row, { state, seenS, startedAt }, now) {
  const silent = seenS === null ? "no report yet" : `last report ${FORMS.span(Math.round(seenS))} ago`;
  const up = startedAt === null ? "answers" : `up for ${FORMS.span((Date.parse(now) - Date.parse(startedAt)) / 1000)}`;
  row.querySelector(".more").textContent = state === "up" ? up : silent;
}

function showTroubles(troubles) {
  at("troubles").hidden = !troubles.length;
  const list = at("troubles").querySelector("ul");
  list.replaceChildren(...troubles.map((trouble) => made("li", {}, trouble)));
}

// Announced to screen readers only when the problems have changed: not each second.
let said = "";
function say(state, words, details = []) {
  document.documentElement.dataset.state = state;
  at("state").textContent = words;
  document.title = state === "well" ? "Tarifa" : `${words} - Tarifa`;
  const sentence = [words.replace(/ for \d.*/, ""), ...details.map((text) => text.replace(/ for \d+ s/, ""))].join(". ");
  if (said !== sentence) at("said").textContent = said = sentence;
}

const begun = Date.now();
let newest;  // when the newest document came
function take(news) {
  const isFirst = newest === undefined;
  newest = Date.now();
  show(document.querySelector("main > .now"), news);
  showEach(at("processors"), "processor", news.processors, showProcessor);
  offer(news.processors.map(({ name }) => name));
  showEach(at("services"), "service", news.services, (row, service) => showSince(row, service, news.at));
  showTroubles(news.troubles);
  at("at").textContent = new Date(news.at).toLocaleTimeString("en-GB", { timeStyle: "long" });
  at("at").dateTime = news.at;
  const count = news.troubles.length;
  if (count) say("troubled", count === 1 ? "1 problem" : `${count} problems`, news.troubles);
  else say("well", "No problems");
  plotNews(news);
  if (isFirst) bringIntoView();  // cards were added above it
}

// ---- the stream, which reconnects by itself

let stream, opened;
function openStream() {
  opened = Date.now();
  stream = new EventSource("events");
  stream.addEventListener("vitals", (event) => take(JSON.parse(event.data)));
  stream.addEventListener("caller", (event) => showCaller(JSON.parse(event.data)));
  // A stream that was cut reconnects by itself; one that was answered with an error does not.
  stream.onerror = async ({ target }) => {
    if (target.readyState !== EventSource.CLOSED || target !== stream) return;
    await leaveIfSignedOut();
    setTimeout(openStream, RETRY_MS);
  };
}

function watch() {
  const ms = Date.now(), last = newest ?? begun;
  if (ms - last > STALE_MS) {
    say("lost", `No update for ${Math.round((ms - last) / 1000)} s, trying again`);
    drawPlots();
  }
  if (ms - Math.max(last, opened) > REOPEN_MS && stream.readyState !== EventSource.CLOSED) {
    stream.close();
    openStream();
  }
}

openStream();
setInterval(watch, 1_000);
