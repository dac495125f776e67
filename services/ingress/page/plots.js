// The plots: curves over a range of time that ends now, and behind them the times with problems.
// A point covers the time `ofMs` before `ms`; what is null in it, or between two points, is unknown: a gap.

import { at, drawn, FORMS, made, short } from "./elements.js";

const GAP_MS = 6_000;  // a shorter distance between two points is not a gap: the first live rates follow the past this late

class Plot {
  // curves: [{name, look, of}], `of` the value of a point; unit follows the title in the text for screen readers.
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

  draw(points, range, now) {
    const [width, height] = [this.svg.clientWidth || 400, 150];
    const [left, right, bottom, top] = [38, width - 6, height - 18, 8];
    const most = this.ceiling(Math.max(0, ...this.curves.flatMap(({ of }) => points.map((point) => point[of]))));
    const x = (ms) => Math.max(left, right - (now - ms) / range.ms * (right - left));
    const y = (value) => bottom - value / most * (bottom - top);
    const paths = this.curves.map(({ of }) => this.path(points, of, x, y));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("aria-label", this.inWords(points, range, now, paths));
    this.svg.replaceChildren(
      ...this.bands(points, x, top, bottom),
      ...[0, most / 2, most].flatMap((value) => [
        drawn("path", { class: "grid", d: `M${left} ${y(value)}H${right}` }),
        drawn("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)),
      ]),
      drawn("text", { x: left, y: height - 3 }, `${range.text} ago`),
      drawn("text", { x: right, y: height - 3, "text-anchor": "end" }, "now"),
      ...this.curves.map(({ look }, index) => drawn("path", { class: `curve ${look}`, d: paths[index] })),
    );
  }

  ceiling(most) {
    const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
    return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((bound) => bound >= most && bound >= 2) ?? 10 * power;
  }

  path(points, of, x, y) {
    let path = "", before = -Infinity, wasLive = false;
    for (const { ms, ofMs, isLive, [of]: value } of points) {
      if (value === null) {
        // The first live documents know no rates yet; the next one covers their seconds. A step of the past covers its own.
        if (wasLive) before = -Infinity;
        continue;
      }
      const place = `${x(ms).toFixed(1)} ${y(value).toFixed(1)}`;
      path += ms - ofMs - before > GAP_MS ? `M${place}h0` : `L${place}`;  // h0: a single point is a dot
      before = ms;
      wasLive = isLive;
    }
    return path;
  }

  // Behind the curves: times with problems.
  bands(points, x, top, bottom) {
    const bands = [];
    for (const { ms, troubledMs } of points.filter(({ troubledMs }) => troubledMs)) {
      if (ms - troubledMs - bands.at(-1)?.end <= GAP_MS) bands.at(-1).end = ms;
      else bands.push({ begin: ms - troubledMs, end: ms });
    }
    return bands.map(({ begin, end }) =>
      drawn("rect", { class: "band", x: x(begin), y: top, width: Math.max(2, x(end) - x(begin)), height: bottom - top }));
  }

  inWords(points, range, now, paths) {
    const isNew = points.length && now - points.at(-1).ms <= points.at(-1).ofMs + GAP_MS;
    const curves = this.curves.map(({ name, of }, index) => {
      const known = points.map((point) => point[of]).filter((value) => value !== null);
      if (!known.length) return `${name} unknown`;
      const last = isNew ? points.at(-1)[of] : null;
      const gaps = paths[index].lastIndexOf("M") ? ", with gaps" : "";
      return `${name} now ${last === null ? "unknown" : FORMS.rate(last)}, at most ${FORMS.rate(Math.max(...known))}${gaps}`;
    });
    return `${this.title} over the last ${range.words}, ${this.unit}: ${curves.join("; ")}.`;
  }
}

const PLOTS = [
  new Plot("Payments a second", "payments a second", [
    { name: "accepted", look: "blue", of: "accepted" },
    { name: "settled", look: "green second", of: "settled" },
  ]),
  new Plot("Time of a POST, ms", "milliseconds", [
    { name: "p99", look: "violet", of: "p99" },
    { name: "p50", look: "violet second", of: "p50" },
  ]),
  new Plot("Waiting", "payments", [{ name: "not settled yet", look: "amber", of: "waiting" }]),
  new Plot("Saved", "in units of money", [{ name: "in total", look: "green", of: "saved" }]),
];

// range: {ms, text, words}; points are ordered by time, by the service's clock, as `now` is.
export function draw(points, range, now) {
  const within = points.filter(({ ms }) => ms > now - range.ms);
  for (const plot of PLOTS) plot.draw(within, range, now);
}
