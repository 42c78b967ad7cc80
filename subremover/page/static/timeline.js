// The film as a line: a scrubber with all shots and events under it, and a closer look at some seconds of it, where
// the ends of events can be dragged.

import { button, icon, make, place } from "./elements.js";
import { formatTime } from "./api.js";
import { t } from "./words.js";

const SECONDS = 20; // of the closer look, at most
const LANES = 4;
const TICK_PX = 72; // room for a time

export class Timeline {
  #bench;
  #overview = make("canvas", { class: "overview", "aria-hidden": "true" });
  #scrubber;
  #strip = make("div", { class: "strip" });
  #head = make("div", { class: "playhead" });
  #place = make("span", { class: "place" });
  #from = 0;
  #span;
  #drag = null;

  constructor(bench) {
    this.#bench = bench;
    const { film } = bench;
    this.#span = Math.max(10, Math.min(film.frames, Math.round(SECONDS * film.rate)));
    this.#scrubber = make("input", {
      type: "range",
      min: 0,
      max: film.frames - 1,
      step: 1,
      value: 0,
      class: "scrubber",
      "aria-label": t("scrubber"),
      on: { input: () => bench.seek(+this.#scrubber.value, { isNear: true }) },
    });
    const way = (picture, name, act, key) =>
      button(icon(picture), act, { title: t(name), "aria-label": t(name), key });
    this.element = make(
      "section",
      { class: "time", "aria-label": t("timeline") },
      make(
        "div",
        { class: "row transport" },
        way("event-back", "event-back", () => bench.jump(-1), "PageUp"),
        way("back", "frame-back", () => bench.step(-1), "ArrowLeft"),
        way("on", "frame-on", () => bench.step(1), "ArrowRight"),
        way("event-on", "event-on", () => bench.jump(1), "PageDown"),
        this.#place,
      ),
      make("div", { class: "scrub" }, this.#overview, this.#scrubber),
      this.#strip,
    );
    this.#strip.addEventListener("pointerdown", (event) => this.#down(event));
    this.#strip.addEventListener("pointermove", (event) => this.#move(event));
    this.#strip.addEventListener("pointerup", () => this.#up());
    this.#strip.addEventListener("pointercancel", () => {
      this.#drag = null;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.#overview);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Shows where the bench's frame is. */
  show() {
    const { film, frame, time } = this.#bench;
    this.#scrubber.value = frame;
    const text = `${formatTime(time(frame))} · ${t("frame-of", { frame, last: film.frames - 1 })}`;
    this.#scrubber.setAttribute("aria-valuetext", text);
    this.#place.textContent = text;
    const margin = this.#span * 0.05;
    if (!this.#drag && (frame < this.#from + margin || frame > this.#from + this.#span - margin)) {
      const most = Math.max(0, film.frames - this.#span);
      const from = Math.min(Math.max(0, Math.round(frame - this.#span / 2)), most);
      if (from !== this.#from) {
        this.#from = from;
        this.drawStrip();
      }
    }
    place(this.#head, { x: (frame + 0.5 - this.#from) / this.#span });
  }

  /** Draws shots and events anew. */
  draw() {
    this.#drawOverview();
    this.drawStrip();
    this.show();
  }

  #drawOverview() {
    const { film, plan } = this.#bench;
    const width = Math.round(this.#overview.clientWidth * devicePixelRatio),
      height = Math.round(this.#overview.clientHeight * devicePixelRatio);
    if (!width || !height) return;
    Object.assign(this.#overview, { width, height });
    const context = this.#overview.getContext("2d");
    const style = getComputedStyle(this.#overview);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    context.fillStyle = colour("sheet");
    context.fillRect(0, 0, width, height);
    const x = (frame) => (frame / film.frames) * width;
    context.fillStyle = colour("shot");
    (plan?.shots ?? []).forEach((shot, index) => {
      if (index % 2)
        context.fillRect(x(shot.first), 0, Math.max(1, x(shot.last + 1) - x(shot.first)), height);
    });
    for (const { entry } of plan?.events ?? []) {
      context.fillStyle = colour(entry.kind ?? "subtitle");
      const tall = (entry.remove ? 0.6 : 0.2) * height;
      context.fillRect(
        x(entry.first),
        (height - tall) / 2,
        Math.max(devicePixelRatio, x(entry.last + 1) - x(entry.first)),
        tall,
      );
    }
  }

  /** Draws the closer look anew. */
  drawStrip() {
    const { plan, time, film } = this.#bench;
    const from = this.#from,
      to = from + this.#span - 1;
    const shares = (first, last) => ({ x: (first - from) / this.#span, w: (last + 1 - first) / this.#span });
    const shots = (plan?.shots ?? [])
      .map((shot, index) => ({ ...shot, index }))
      .filter((shot) => shot.first <= to && shot.last >= from && shot.index % 2)
      .map((shot) =>
        make("div", { class: "shot", place: shares(Math.max(shot.first, from), Math.min(shot.last, to)) }),
      );
    const ends = [];
    const bars = (plan?.events ?? [])
      .filter(({ entry }) => entry.first <= to && entry.last >= from)
      .map((event) => {
        let lane = ends.findIndex((end) => end < event.entry.first);
        if (lane < 0) lane = Math.min(ends.length, LANES - 1);
        ends[lane] = event.entry.last;
        return this.#bar(event, lane, shares(event.entry.first, event.entry.last));
      });
    place(this.#strip, { lanes: Math.max(1, Math.min(LANES, ends.length)) });
    const seconds = time(Math.min(to + 1, film.frames)) - time(from);
    const tick =
      [0.1, 0.2, 0.5, 1, 2, 5, 10].find((each) => (seconds / each) * TICK_PX <= this.#strip.clientWidth) ??
      10;
    const ticks = [];
    for (
      let at = Math.ceil(time(from) / tick) * tick;
      at < time(from) + seconds && ticks.length < 20;
      at += tick
    )
      ticks.push(
        make(
          "span",
          { class: "tick", place: { x: (this.#bench.frameAt(at) - from) / this.#span } },
          formatTime(at)
            .replace(/^0:/, "")
            .replace(/\.?0+$/, ""),
        ),
      );
    const focused = this.#strip.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#strip.replaceChildren(...shots, ...ticks, ...bars, this.#head);
    if (focused) this.#strip.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  #bar({ key, entry }, lane, shares) {
    const { plan } = this.#bench;
    const label = t("event-label", {
      number: plan.number(key),
      text: entry.text?.replaceAll("\n", " ") || t("not-read"),
      first: entry.first,
      last: entry.last,
      decision: t(entry.remove ? "removed" : "kept"),
    });
    return make(
      "div",
      {
        class: `bar ${entry.kind ?? "subtitle"} ${entry.remove ? "removed" : "kept"}`,
        is: { chosen: plan.selected === key },
        place: { ...shares, lane },
      },
      make("i", { class: "end first", data: { end: "first", of: key } }),
      button(
        entry.text?.replaceAll("\n", " ") || "",
        () => {
          plan.select(key);
          if (this.#bench.frame < entry.first || this.#bench.frame > entry.last)
            this.#bench.seek(this.#bench.bestFrame(entry));
        },
        { "aria-label": label, title: label, data: { key } },
      ),
      make("i", { class: "end last", data: { end: "last", of: key } }),
    );
  }

  #frameOf(event) {
    const view = this.#strip.getBoundingClientRect();
    const share = (event.clientX - view.left) / view.width;
    return Math.min(Math.max(Math.floor(this.#from + share * this.#span), 0), this.#bench.film.frames - 1);
  }

  #down(event) {
    if (event.button !== 0) return;
    const { end, of } = event.target.dataset;
    if (end) {
      const key = +of,
        { entry } = this.#bench.plan.get(key);
      this.#drag = { key, end, entry, frame: entry[end] };
      this.#bench.plan.select(key);
    } else if (!event.target.closest("button")) {
      this.#drag = { seek: true, frame: this.#frameOf(event) };
      this.#bench.seek(this.#drag.frame, { isNear: true });
    } else return;
    event.preventDefault();
    this.#strip.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const drag = this.#drag;
    if (!drag) return;
    let frame = this.#frameOf(event);
    if (drag.end === "first") frame = Math.min(frame, drag.entry.last);
    if (drag.end === "last") frame = Math.max(frame, drag.entry.first);
    if (frame === drag.frame) return;
    drag.frame = frame;
    if (drag.end) {
      const bar = this.#strip.querySelector(`[data-of="${drag.key}"]`).parentElement;
      const { first, last } = { ...drag.entry, [drag.end]: frame };
      place(bar, { x: (first - this.#from) / this.#span, w: (last + 1 - first) / this.#span });
    }
    this.#bench.seek(frame, { isNear: !drag.end });
  }

  #up() {
    const drag = this.#drag;
    this.#drag = null;
    if (drag?.end && drag.frame !== drag.entry[drag.end])
      this.#bench.plan.change(drag.key, { [drag.end]: drag.frame }, t("did-move"));
    this.show();
  }
}
