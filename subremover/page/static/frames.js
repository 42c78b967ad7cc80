// Fetches pictures of frames: the latest asked for always wins, and those at hand are not asked for again.

import { getFrame } from "./api.js";

const MOST_PIXELS = 60e6; // of pictures kept: four bytes each
const WIDTHS = [320, 640, 960, 1280, 1920, 3840];

/** The least of the widths that pictures are asked for in, so that they can be kept, that is as wide. */
const roundUp = (width) => WIDTHS.find((each) => each >= width) ?? WIDTHS.at(-1);

export class FrameFetcher {
  #path;
  #kept = new Map();
  #pixels = 0;
  #wanted = null;
  #isBusy = false;

  /** `path(frame, width)` is the address of a frame's picture. */
  constructor(path) {
    this.#path = path;
  }

  /** Asks for a frame; `shown(picture, frame)` is called with it, or, where `isNear` is enough, with one before it. */
  want(frame, width, { isNear = false, shown, failed }) {
    this.#wanted = {
      frame,
      width: roundUp(width),
      isNear,
      shown,
      failed,
    };
    this.#work();
  }

  /** A picture of the frame that is at hand, as wide as asked for; null where there is none. */
  at(frame, width) {
    return this.#kept.get(`${frame} ${roundUp(width)}`) ?? null;
  }

  /** Fetches frames nearby while nothing else is asked for. */
  async ahead(frames, width) {
    const wide = roundUp(width);
    for (const frame of frames) {
      if (this.#isBusy) return;
      if (!this.#kept.has(`${frame} ${wide}`)) await this.#fetch(frame, wide).catch(() => null);
    }
  }

  async #work() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#wanted) {
      const asked = this.#wanted;
      try {
        const found = await this.#fetch(asked.frame, asked.width, asked.isNear);
        // While someone drags, each picture that comes is shown, even if it is no longer the latest.
        asked.shown(found.picture, found.frame);
      } catch (error) {
        if (this.#wanted === asked) asked.failed(error);
      }
      if (this.#wanted === asked) this.#wanted = null;
    }
    this.#isBusy = false;
  }

  async #fetch(frame, width, isNear = false) {
    const kept = this.#kept.get(`${frame} ${width}`);
    if (kept) {
      this.#kept.delete(`${frame} ${width}`); // so that it is the newest
      this.#kept.set(`${frame} ${width}`, kept);
      return { picture: kept, frame };
    }
    const found = await getFrame(this.#path(frame, width) + (isNear ? "&near" : ""));
    const { picture } = found,
      key = `${found.frame} ${width}`;
    if (this.#kept.has(key)) return found;
    this.#kept.set(key, picture);
    this.#pixels += picture.width * picture.height;
    for (const [old, oldest] of this.#kept) {
      if (this.#pixels <= MOST_PIXELS || old === key) break;
      this.#pixels -= oldest.width * oldest.height;
      this.#kept.delete(old); // closed by the garbage collector: it may still be on screen
    }
    return found;
  }
}
