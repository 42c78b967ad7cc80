// Strokes of events as masks: read from PNGs, painted with a brush, written as PNGs.

import { getPicture, postPicture } from "./api.js";

const LEVEL = 8; // of 255, from which grey counts as white: plan/mask_picture.py has the same

/** A mask: `bits` has a byte a pixel, 1 where it covers the picture. */
export class Mask {
  constructor(x, y, width, height, bits = new Uint8Array(width * height)) {
    Object.assign(this, { x, y, width, height, bits });
  }

  /** The same in a larger rectangle. */
  grow(x, y, width, height) {
    const grown = new Mask(x, y, width, height);
    for (let row = 0; row < this.height; row++) {
      const start = (this.y - y + row) * width + this.x - x;
      grown.bits.set(this.bits.subarray(row * this.width, (row + 1) * this.width), start);
    }
    return grown;
  }

  /** Sets or clears a disc along a line; every pixel is in or out, so that no soft rim counts as white. */
  stroke(from, to, radius, value) {
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(1, radius / 3)));
    for (let step = 0; step <= steps; step++) {
      const share = step / steps;
      this.#disc(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y), radius, value);
    }
  }

  #disc(cx, cy, radius, value) {
    const x0 = cx - this.x,
      y0 = cy - this.y;
    for (
      let y = Math.max(0, Math.floor(y0 - radius));
      y <= Math.min(this.height - 1, Math.ceil(y0 + radius));
      y++
    ) {
      const half = Math.sqrt(radius ** 2 - (y + 0.5 - y0) ** 2);
      if (Number.isNaN(half)) continue;
      const left = Math.max(0, Math.round(x0 - half)),
        right = Math.min(this.width, Math.round(x0 + half));
      if (left < right) this.bits.fill(value, y * this.width + left, y * this.width + right);
    }
  }

  /** The smallest rectangle around what is set, as a mask; null where nothing is. */
  tighten() {
    let left = this.width,
      right = -1,
      top = -1,
      bottom = -1;
    for (let y = 0; y < this.height; y++) {
      const row = this.bits.subarray(y * this.width, (y + 1) * this.width);
      const first = row.indexOf(1);
      if (first < 0) continue;
      if (top < 0) top = y;
      bottom = y;
      left = Math.min(left, first);
      right = Math.max(right, row.lastIndexOf(1));
    }
    if (right < 0) return null;
    return this.cut(this.x + left, this.y + top, right - left + 1, bottom - top + 1);
  }

  /** The part in a rectangle inside of it. */
  cut(x, y, width, height) {
    const part = new Mask(x, y, width, height);
    for (let row = 0; row < height; row++) {
      const start = (y - this.y + row) * this.width + x - this.x;
      part.bits.set(this.bits.subarray(start, start + width), row * width);
    }
    return part;
  }

  /** A canvas with the mask in a colour [r, g, b, a] on nothing. */
  tint(colour) {
    return this.#draw(colour, [0, 0, 0, 0]);
  }

  #draw(set, clear) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d");
    const picture = context.createImageData(this.width, this.height);
    const words = new Uint32Array(picture.data.buffer);
    const [on, off] = [set, clear].map(
      ([r, g, b, a]) => new Uint32Array(new Uint8Array([r, g, b, a]).buffer)[0],
    );
    for (let i = 0; i < words.length; i++) words[i] = this.bits[i] ? on : off;
    context.putImageData(picture, 0, 0);
    return canvas;
  }

  toPng() {
    return this.#draw([255, 255, 255, 255], [0, 0, 0, 255]).convertToBlob({ type: "image/png" });
  }
}

/** The masks of a film's events, kept by the names of their pictures. */
export class Strokes {
  #film;
  #masks = new Map();
  #tints = new Map();

  constructor(film) {
    this.#film = film;
  }

  /** The mask of an event's entry. */
  async read(entry) {
    const [x, y, width, height] = entry.box;
    if (!entry.strokes) return new Mask(x, y, width, height, new Uint8Array(width * height).fill(1));
    if (!this.#masks.has(entry.strokes)) {
      const found = this.#load(entry.strokes);
      found.catch(() => this.#masks.delete(entry.strokes));
      this.#masks.set(entry.strokes, found);
      keepFew(this.#masks);
    }
    const { bits, width: w, height: h } = await this.#masks.get(entry.strokes);
    return new Mask(x, y, w, h, bits);
  }

  /** A canvas of the mask in a colour. */
  async tint(entry, colour) {
    const key = `${entry.strokes ?? entry.box} ${colour}`;
    if (!this.#tints.has(key)) {
      const tinted = this.read(entry).then((mask) => mask.tint(colour));
      tinted.catch(() => this.#tints.delete(key));
      this.#tints.set(key, tinted);
      keepFew(this.#tints);
    }
    return this.#tints.get(key);
  }

  /** Puts a mask on disk; the fields of an entry that refer to it. */
  async write(mask) {
    const { strokes } = await postPicture(`films/${this.#film}/strokes`, await mask.toPng());
    this.#masks.set(strokes, Promise.resolve(mask));
    return { strokes, box: [mask.x, mask.y, mask.width, mask.height] };
  }

  async #load(name) {
    const picture = await getPicture(`films/${this.#film}/strokes/${name}`);
    const canvas = new OffscreenCanvas(picture.width, picture.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, picture.width, picture.height);
    const bits = new Uint8Array(picture.width * picture.height);
    for (let i = 0; i < bits.length; i++) bits[i] = data[4 * i] >= LEVEL ? 1 : 0;
    return { bits, width: picture.width, height: picture.height };
  }
}

function keepFew(kept) {
  if (kept.size > 100) kept.delete(kept.keys().next().value);
}
