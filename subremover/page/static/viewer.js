// Look: one frame of the film with what the plan would remove on it, zoomed and painted on.

import { button, choices, make, place } from "./elements.js";
import { formatTime } from "./api.js";
import { Brush } from "./brush.js";
import { FrameFetcher } from "./frames.js";
import { t } from "./words.js";

const REMOVED = [255, 0, 64, 150],
  KEPT = [0, 170, 150, 110];
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const WAIT_MS = 160; // after the last step, until a frame is fetched as sharp as it is shown

export class Viewer extends EventTarget {
  tool = "look"; // or "region", "box", "brush", "eraser"
  #bench;
  #fetcher;
  #picture = make("canvas", { class: "picture", "aria-hidden": "true" });
  #overlay = make("canvas", { class: "overlay", "aria-hidden": "true" });
  #sheet = make("div", { class: "sheet" }, this.#picture, this.#overlay);
  #fault = make("p", { class: "fault", hidden: true });
  #zoom = 1;
  #timer = 0;
  #drag = null; // of the picture, or of a box
  #drawing = 0; // number of the latest drawing of the overlay: one that was overtaken stops

  constructor(bench) {
    super();
    this.#bench = bench;
    const { film } = bench;
    this.brush = new Brush(bench);
    this.brush.addEventListener("change", () => this.drawOverlay());
    this.brush.addEventListener("new", ({ detail }) =>
      this.dispatchEvent(new CustomEvent("box", { detail })),
    );
    this.#fetcher = new FrameFetcher(
      (frame, width) => `films/${film.id}/frames/${frame}.jpg?width=${width}&v=${film.stamp}`,
    );
    this.#overlay.width = film.width;
    this.#overlay.height = film.height;
    this.stage = make(
      "div",
      {
        class: "stage",
        tabIndex: 0,
        role: "application",
        "aria-roledescription": t("picture"),
        "aria-describedby": "stage-keys",
        on: {
          keydown: (event) => this.#key(event),
          pointerdown: (event) => this.#down(event),
          pointermove: (event) => this.#move(event),
          pointerup: () => this.#up(),
          pointercancel: () => {
            this.#drag = null;
            this.brush.cancel();
          },
          pointerleave: () => {
            if (!this.brush.isDown) this.brush.point(null);
          },
          wheel: (event) => this.#wheel(event),
        },
      },
      this.#sheet,
      this.#fault,
    );
    this.tools = make("div", { class: "row tools" });
    this.element = make(
      "section",
      { class: "viewer", "aria-label": t("step-look") },
      this.stage,
      make("p", { id: "stage-keys", class: "unseen" }, t("stage-keys")),
    );
    this.zoomBar = make(
      "div",
      { class: "row zoom", role: "group", "aria-label": t("zoom") },
      button("−", () => this.zoom(-1), { title: t("zoom-out"), "aria-label": t("zoom-out"), key: "-" }),
      button(t("fit"), () => this.zoom(0), { title: t("zoom-fit"), "aria-label": t("zoom-fit"), key: "0" }),
      button("+", () => this.zoom(1), { title: t("zoom-in"), "aria-label": t("zoom-in"), key: "+" }),
    );
    new ResizeObserver(() => this.#fit()).observe(this.stage);
  }

  /** Shows the bench's frame; while someone drags (`isNear`), for a moment perhaps the key frame before it. */
  show({ isNear = false } = {}) {
    const { frame } = this.#bench;
    this.stage.setAttribute("aria-label", this.#describe());
    clearTimeout(this.#timer);
    const width = this.#width(),
      rough = Math.min(width, 640);
    const sharp = this.#fetcher.at(frame, width);
    if (sharp) {
      this.#draw(sharp, frame);
      this.#ahead(frame, width);
      return;
    }
    this.#ask(frame, rough, isNear);
    this.#timer = setTimeout(() => {
      if (isNear || rough < width) this.#ask(frame, width);
      this.#ahead(frame, width);
    }, WAIT_MS);
  }

  /** Draws anew what lies on the frame. */
  async drawOverlay() {
    const drawing = ++this.#drawing;
    const { plan, strokes, frame } = this.#bench;
    const isExact = +this.#picture.dataset.frame === frame; // what lies on another frame would mislead
    const events = plan && isExact ? plan.at(frame) : [];
    const { painted } = this.brush;
    const layers = await Promise.all(
      events.map(async ({ key, entry }) => {
        if (painted?.key === key) return null;
        const level = entry.opacities?.length ? entry.opacities[frame - entry.first] : 1;
        return {
          entry,
          level,
          tint: await strokes.tint(entry, entry.remove ? REMOVED : KEPT).catch(() => null),
        };
      }),
    );
    if (drawing !== this.#drawing) return;
    const context = this.#overlay.getContext("2d");
    context.clearRect(0, 0, this.#overlay.width, this.#overlay.height);
    for (const layer of layers)
      if (layer?.tint) {
        context.globalAlpha = 0.35 + 0.65 * layer.level;
        context.drawImage(layer.tint, layer.entry.box[0], layer.entry.box[1]);
      }
    context.globalAlpha = 1;
    if (painted) context.drawImage(painted.mask.tint(REMOVED), 0, 0);
    const chosen = plan?.chosenAt(frame);
    const line = this.#overlay.width / Math.max(1, this.#sheet.clientWidth);
    if (chosen) this.#outline(context, chosen.entry.box, "#fff", "#b83a12", line);
    for (const { box, number } of this.#bench.shownRegions()) {
      this.#outline(context, box, "#000", "#ffd400", line, [8, 6]);
      this.#label(context, box, String(number), line);
    }
    if (this.#drag?.box) this.#outline(context, this.#drag.box, "#fff", "#0b57d0", line);
    if (this.isPainting) this.brush.draw(context, line);
  }

  get isPainting() {
    return this.tool === "brush" || this.tool === "eraser";
  }

  setTool(tool) {
    this.tool = tool;
    this.stage.dataset.tool = tool;
    this.brush.point(null);
  }

  zoom(step, point) {
    const at = ZOOMS.findIndex((each) => each >= this.#zoom);
    const before = this.#zoom;
    this.#zoom = step ? ZOOMS[Math.min(Math.max(at + step, 0), ZOOMS.length - 1)] : 1;
    if (this.#zoom === before) return;
    const view = this.stage.getBoundingClientRect();
    const focus = point ?? { x: view.width / 2, y: view.height / 2 };
    const held = { x: this.stage.scrollLeft + focus.x, y: this.stage.scrollTop + focus.y };
    this.#fit();
    const factor = this.#zoom / before;
    this.stage.scrollTo(held.x * factor - focus.x, held.y * factor - focus.y);
    this.zoomBar.children[1].textContent = this.#zoom === 1 ? t("fit") : `${this.#zoom} ×`;
    this.show();
  }

  /** The tools that a step has, as a group of choices. */
  offerTools(names) {
    if (!names.includes(this.tool)) this.setTool(names[0]);
    const keys = { look: "V", region: "R", box: "B", brush: "P", eraser: "E" };
    this.tools.replaceChildren(
      ...(names.length > 1
        ? [
            choices(
              t("tool"),
              "tool",
              names.map((name) => [name, t(`tool-${name}`), keys[name]]),
              this.tool,
              (tool) => this.setTool(tool),
            ),
          ]
        : []),
    );
    if (names.includes("brush")) {
      const size = make("input", {
        type: "range",
        min: 1,
        max: 120,
        value: this.brush.size,
        on: { input: () => this.brush.setSize(+size.value) },
      });
      this.brush.addEventListener("size", () => {
        size.value = this.brush.size;
      });
      this.tools.append(
        make("label", { class: "field", title: "[ ]" }, make("span", {}, t("brush-size")), size),
      );
    }
  }

  /** Takes a tool as if its button had been pressed; false where the step does not have it. */
  pick(tool) {
    const radio = this.tools.querySelector(`input[value="${tool}"]`);
    if (!radio) return false;
    radio.checked = true;
    this.setTool(tool);
    return true;
  }

  #ask(frame, width, isNear = false) {
    this.#fetcher.want(frame, width, {
      isNear,
      shown: (picture, shown) => this.#draw(picture, shown),
      failed: (error) => {
        this.#fault.textContent = error.message;
        this.#fault.hidden = false;
      },
    });
  }

  #ahead(frame, width) {
    const last = this.#bench.film.frames - 1;
    const near = [1, -1, 2, 3].map((step) => frame + step).filter((each) => each >= 0 && each <= last);
    this.#fetcher.ahead(near, width);
  }

  #draw(picture, frame) {
    this.#fault.hidden = true;
    if (this.#picture.width !== picture.width || this.#picture.height !== picture.height)
      Object.assign(this.#picture, { width: picture.width, height: picture.height });
    this.#picture.getContext("2d").drawImage(picture, 0, 0);
    this.#picture.dataset.frame = frame;
    this.drawOverlay();
  }

  /** How wide the picture should be, in px of the screen; at most what the film has. */
  #width() {
    const shown = Math.max(this.#sheet.clientWidth, 1) * devicePixelRatio;
    return Math.min(this.#bench.film.width, Math.max(320, shown));
  }

  /** Makes the sheet as large as it fits, times the zoom. */
  #fit() {
    const { aspect } = this.#bench;
    const view = this.stage.getBoundingClientRect();
    const height = Math.min(view.width / aspect, view.height) * this.#zoom;
    if (!(height > 0)) return;
    place(this.#sheet, { w: `${Math.floor(height * aspect)}px`, h: `${Math.floor(height)}px` });
    this.drawOverlay();
  }

  #outline(context, [x, y, width, height], outer, inner, line, dash = []) {
    context.setLineDash(dash.map((each) => each * line));
    for (const [colour, wide] of [
      [outer, 3.5],
      [inner, 1.75],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = wide * line;
      context.strokeRect(x, y, width, height);
    }
    context.setLineDash([]);
  }

  #label(context, [x, y], text, line) {
    context.font = `${16 * line}px sans-serif`;
    context.fillStyle = "#000";
    context.fillRect(x, y, 20 * line, 22 * line);
    context.fillStyle = "#ffd400";
    context.fillText(text, x + 5 * line, y + 17 * line);
  }

  #describe() {
    const { frame, plan, time } = this.#bench;
    const events = plan ? plan.at(frame) : [];
    const said = events.map(
      ({ entry }) => `${t(entry.remove ? "removed" : "kept")}: ${entry.text || t("not-read")}`,
    );
    return [t("frame-at", { frame, time: formatTime(time(frame)) }), ...said].join(t("semicolon"));
  }

  // ---- pointer ----

  /** Where a pointer is, in px of the film's picture. */
  #where(event) {
    const view = this.#sheet.getBoundingClientRect(),
      { width, height } = this.#bench.film;
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    return {
      x: clamp(((event.clientX - view.left) / view.width) * width, width),
      y: clamp(((event.clientY - view.top) / view.height) * height, height),
    };
  }

  #down(event) {
    if (event.button !== 0) return;
    const at = this.#where(event);
    if (this.tool === "look") {
      this.#choose(at);
      this.#drag = {
        pan: { x: event.clientX + this.stage.scrollLeft, y: event.clientY + this.stage.scrollTop },
      };
      if (this.#zoom > 1) this.stage.setPointerCapture(event.pointerId);
      return;
    }
    event.preventDefault();
    this.stage.focus();
    this.stage.setPointerCapture(event.pointerId);
    if (this.isPainting) this.brush.begin(at, +(this.tool === "brush"));
    else this.#drag = { from: at, box: [at.x, at.y, 0, 0] };
  }

  #move(event) {
    const at = this.#where(event),
      drag = this.#drag;
    if (drag?.pan) {
      this.stage.scrollTo(drag.pan.x - event.clientX, drag.pan.y - event.clientY);
    } else if (drag?.from) {
      drag.box = boxBetween(drag.from, at);
      this.drawOverlay();
    } else if (this.brush.isDown) this.brush.move(at);
    else if (this.isPainting) this.brush.point(at);
  }

  #up() {
    const drag = this.#drag;
    this.#drag = null;
    this.brush.end();
    if (drag?.box && drag.box[2] >= 4 && drag.box[3] >= 4)
      this.dispatchEvent(new CustomEvent(this.tool, { detail: { box: whole(drag.box, this.#bench.film) } }));
    this.drawOverlay();
  }

  /** Chooses the event at a place: of several the smallest. */
  #choose({ x, y }) {
    const { plan, frame } = this.#bench;
    if (!plan) return;
    const [found] = plan
      .at(frame)
      .filter(
        ({ entry: { box } }) => x >= box[0] && x < box[0] + box[2] && y >= box[1] && y < box[1] + box[3],
      )
      .toSorted((a, b) => a.entry.box[2] * a.entry.box[3] - b.entry.box[2] * b.entry.box[3]);
    if (found) plan.select(found.key);
  }

  #wheel(event) {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const view = this.stage.getBoundingClientRect();
    this.zoom(event.deltaY < 0 ? 1 : -1, { x: event.clientX - view.left, y: event.clientY - view.top });
  }

  // ---- keys: the brush is moved by the arrows, all else is the bench's ----

  #key(event) {
    if (!this.isPainting || event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.#bench.film;
    const step = event.shiftKey ? 20 : 3;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const { x, y } = this.brush.cursor ?? { x: width / 2, y: height * 0.85 };
    if (event.key in ways) {
      const [dx, dy] = ways[event.key];
      this.brush.point({ x: Math.min(Math.max(x + dx, 0), width), y: Math.min(Math.max(y + dy, 0), height) });
    } else if (event.key === " " || event.key === "Enter") {
      this.brush.point({ x, y });
      this.brush.begin({ x, y }, +(this.tool === "brush"));
      this.brush.end();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function boxBetween(a, b) {
  return [Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y)];
}

/** A box in whole pixels inside the picture. */
export function whole([x, y, width, height], film) {
  const left = Math.min(Math.max(Math.floor(x), 0), film.width - 1),
    top = Math.min(Math.max(Math.floor(y), 0), film.height - 1);
  return [
    left,
    top,
    Math.max(1, Math.min(Math.ceil(x + width), film.width) - left),
    Math.max(1, Math.min(Math.ceil(y + height), film.height) - top),
  ];
}
