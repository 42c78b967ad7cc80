// Before and after of the same frames: with a slider over the still, side by side and playing, or where each pixel
// came from. Pictures are drawn one by one, so that both sides always show the same frame.

import { getFile } from "./api.js";
import { button, choices, icon, make, place } from "./elements.js";
import { t } from "./words.js";

const MOST_KEPT = 120; // pictures as files: a few megabytes

export class Compare {
  #path; // (side, frame, width) -> address
  #count;
  #rate;
  #label;
  #frame = 0;
  #mode = "slider";
  #files = new Map();
  #sides;
  #view;
  #slider;
  #scrubber;
  #play;
  #place = make("span", { class: "place" });
  #isPlaying = false;
  #drawing = 0;

  /** `path(side, frame, width)` is a picture's address; `label(frame)` says which frame of the film it is. */
  constructor({ path, count, rate, label, aspect, hasProvenance, close, start = 0 }) {
    Object.assign(this, { close });
    this.#path = path;
    this.#count = count;
    this.#rate = rate;
    this.#label = label;
    this.#frame = start;
    const canvas = (side) => make("canvas", { class: side, role: "img", width: 2, height: 2 });
    this.#sides = { before: canvas("before"), after: canvas("after"), provenance: canvas("provenance") };
    this.#slider = make("input", {
      type: "range",
      class: "divider",
      min: 0,
      max: 100,
      value: 50,
      "aria-label": t("divider"),
      on: { input: () => place(this.#view, { at: `${this.#slider.value}%` }) },
    });
    this.#view = make(
      "div",
      {
        class: "sides",
        on: {
          pointerdown: (event) => this.#slide(event),
          pointermove: (event) => event.buttons && this.#slide(event),
        },
      },
      Object.entries(this.#sides).map(([side, picture]) =>
        make("figure", { class: side }, picture, make("figcaption", {}, t(side))),
      ),
      make("div", { class: "handle", "aria-hidden": "true" }),
    );
    place(this.#view, { at: "50%", aspect });
    this.#scrubber = make("input", {
      type: "range",
      class: "scrubber",
      min: 0,
      max: count - 1,
      value: start,
      "aria-label": t("scrubber"),
      on: { input: () => this.seek(+this.#scrubber.value) },
    });
    this.#play = button(icon("play"), () => this.#toggle(), {
      "aria-label": t("play"),
      title: t("play"),
      key: "Space",
    });
    const modes = [
      ["slider", t("mode-slider")],
      ["side", t("mode-side")],
    ];
    if (hasProvenance) modes.push(["origin", t("mode-origin")]);
    this.element = make(
      "section",
      { class: "compare", "aria-label": t("before-after"), data: { mode: "slider" } },
      make(
        "div",
        { class: "row above" },
        choices(t("mode"), "mode", modes, "slider", (mode) => this.#setMode(mode)),
        button(t("back-to-frame"), () => close(), { class: "quiet" }),
      ),
      this.#view,
      this.#slider,
      make("div", { class: "row" }, this.#play, this.#place, this.#scrubber),
      make(
        "p",
        { class: "legend" },
        ["borrowed-near", "borrowed-far", "unmixed", "painted"].map((name) =>
          make("span", {}, make("i", { class: name }), t(`origin-${name}`)),
        ),
      ),
    );
    this.seek(start);
  }

  async seek(frame) {
    this.#frame = Math.min(Math.max(frame, 0), this.#count - 1);
    this.#scrubber.value = this.#frame;
    const label = this.#label(this.#frame);
    this.#scrubber.setAttribute("aria-valuetext", label);
    this.#place.textContent = label;
    await this.#draw(this.#frame);
  }

  stop() {
    this.#isPlaying = false;
    this.#play.replaceChildren(icon("play"));
  }

  get #needed() {
    return this.#mode === "origin" ? ["provenance", "after"] : ["before", "after"];
  }

  #setMode(mode) {
    this.#mode = mode;
    this.element.dataset.mode = mode;
    this.#draw(this.#frame);
  }

  async #draw(frame) {
    const drawing = ++this.#drawing;
    const pictures = await Promise.all(
      this.#needed.map((side) =>
        this.#fetch(side, frame)
          .then(createImageBitmap)
          .catch(() => null),
      ),
    );
    if (drawing !== this.#drawing) return;
    this.#needed.forEach((side, at) => {
      const picture = pictures[at],
        canvas = this.#sides[side];
      canvas.setAttribute("aria-label", `${t(side)}, ${this.#label(frame)}`);
      if (!picture) return;
      if (canvas.width !== picture.width || canvas.height !== picture.height)
        Object.assign(canvas, { width: picture.width, height: picture.height });
      canvas.getContext("2d").drawImage(picture, 0, 0);
      canvas.dataset.frame = frame;
    });
  }

  #fetch(side, frame) {
    const shown = this.#view.clientWidth * devicePixelRatio;
    const width = shown > 960 && !this.#isPlaying ? 1920 : 960;
    const key = `${side} ${frame} ${width}`;
    if (!this.#files.has(key)) {
      const found = getFile(this.#path(side, frame, width));
      found.catch(() => this.#files.delete(key));
      this.#files.set(key, found);
      if (this.#files.size > MOST_KEPT) this.#files.delete(this.#files.keys().next().value);
    }
    return this.#files.get(key);
  }

  /** Plays at the film's pace, or as fast as pictures come; from the start again at the end. */
  async #toggle() {
    if (this.#isPlaying) {
      this.stop();
      return;
    }
    this.#isPlaying = true;
    this.#play.replaceChildren(icon("stop"));
    let due = performance.now();
    while (this.#isPlaying && this.element.isConnected) {
      const next = (this.#frame + 1) % this.#count;
      for (let ahead = 1; ahead <= 6; ahead++)
        for (const side of this.#needed)
          this.#fetch(side, (this.#frame + ahead) % this.#count).catch(() => null);
      await this.seek(next);
      due = Math.max(due + 1000 / this.#rate, performance.now());
      await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    }
  }

  #slide(event) {
    if (this.#mode !== "slider" || event.button > 0) return;
    const view = this.#sides.before.getBoundingClientRect();
    this.#slider.value = Math.round(Math.min(Math.max((event.clientX - view.left) / view.width, 0), 1) * 100);
    place(this.#view, { at: `${this.#slider.value}%` });
  }

  get keys() {
    return {
      " ": () => this.#toggle(),
      ArrowLeft: () => this.seek(this.#frame - 1),
      ArrowRight: () => this.seek(this.#frame + 1),
      Escape: () => this.close(),
    };
  }
}
