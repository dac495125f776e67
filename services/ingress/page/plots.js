// The plots: the figures of the last minutes as curves, and behind them when something was wrong.

import { at, drawn, FORMS, made, short, written } from "./elements.js";

const KEEP_MS = 300_000;
const PLOT_LEAST_MS = 60_000;
const GAP_MS = 3_500;  // two documents further apart are not joined by a line

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

export function drawPlots(ms) {
  if (kept.length) PLOTS.forEach((plot) => plot.draw(ms));
}

// Takes in the newest document.
export function plotNews(news, ms) {
  kept.push({ ms, document: news });
  while (ms - kept[0].ms > KEEP_MS) kept.shift();
  drawPlots(ms);
}

addEventListener("resize", () => drawPlots(Date.now()));
