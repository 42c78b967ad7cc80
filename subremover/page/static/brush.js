// The brush: paints and erases strokes of the event that is chosen, or of a new one.

import { tell } from "./elements.js";
import { Mask } from "./strokes.js";
import { t } from "./words.js";

/** "change" follows where something looks otherwise, "size" with another size, "new" with fields of a new event. */
export class Brush extends EventTarget {
  size = 12;
  cursor = null; // where it is, in px of the picture; null: it is not over it
  #bench;
  #stroke = null; // under the pointer: {value, points that wait for the mask, mask}
  #shown = null; // the latest stroke, until it is in the plan: {key, mask}
  #ending = null; // of the last stroke: resolves when it is in the plan

  constructor(bench) {
    super();
    this.#bench = bench;
  }

  setSize(size) {
    this.size = Math.min(300, Math.max(1, Math.round(size)));
    this.dispatchEvent(new Event("size"));
    this.#changed();
  }

  point(at) {
    this.cursor = at;
    this.#changed();
  }

  get isDown() {
    return this.#stroke !== null;
  }

  /** Key of the event that is being painted, and what it has of strokes by now. */
  get painted() {
    return this.#shown;
  }

  /** Begins a stroke; `value` is 1 to paint, 0 to erase. The first points wait for the event's strokes. */
  begin(at, value) {
    if (!this.#bench.plan || (!value && !this.#bench.plan.chosenAt(this.#bench.frame))) {
      tell(t("choose-first"));
      return;
    }
    const stroke = { value, points: [at, at], mask: null };
    stroke.ready = this.#open(stroke);
    this.#stroke = stroke;
  }

  move(at) {
    this.#stroke.points.push(at);
    this.#paint(this.#stroke);
    this.point(at);
  }

  /** Ends the stroke, and puts it into the plan. */
  end() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.#ending = this.#bench.plan.during(this.#finish(stroke));
  }

  cancel() {
    this.#stroke = this.#shown = null;
    this.#changed();
  }

  /** Draws where it is; `line` is the width of a px of the screen. */
  draw(context, line) {
    if (!this.cursor) return;
    for (const [colour, wide] of [
      ["#fff", 4],
      ["#000", 2],
    ]) {
      context.beginPath();
      context.strokeStyle = colour;
      context.lineWidth = wide * line;
      context.arc(this.cursor.x, this.cursor.y, this.size / 2, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  async #open(stroke) {
    const { plan, strokes, film, frame } = this.#bench;
    await this.#ending; // of the stroke before, which this one goes on from
    const chosen = plan.chosenAt(frame);
    const mask = chosen ? await strokes.read(chosen.entry) : new Mask(0, 0, 0, 0);
    stroke.mask = mask.grow(0, 0, film.width, film.height);
    stroke.key = chosen?.key ?? null;
    this.#shown = stroke;
    this.#paint(stroke);
    this.#changed();
  }

  #paint({ mask, points, value }) {
    if (!mask) return;
    while (points.length > 1) mask.stroke(points.shift(), points[0], this.size / 2, value);
  }

  async #finish(stroke) {
    const { plan, strokes } = this.#bench;
    try {
      await stroke.ready;
      const { key, value } = stroke;
      const tight = stroke.mask.tighten();
      if (!tight) {
        const isFound = plan.get(key)?.entry.probability !== undefined; // what was found stays in the list
        if (isFound) plan.change(key, { remove: false }, t("did-keep"));
        else if (key !== null) plan.remove(key, t("did-erase-all"));
        return;
      }
      const fields = await strokes.write(tight);
      if (key === null) this.dispatchEvent(new CustomEvent("new", { detail: fields }));
      else plan.change(key, fields, t(value ? "did-paint" : "did-erase"));
    } catch (error) {
      tell(error.message, { isError: true });
    } finally {
      if (this.#shown === stroke) this.#shown = null;
      this.#changed();
    }
  }
}
