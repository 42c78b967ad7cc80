// One film: its frame, its timeline, and beside them the panel of the step that a person is at.

import { get, getBytes } from "./api.js";
import { make, tell } from "./elements.js";
import { jobs } from "./jobs.js";
import { Compare } from "./compare.js";
import { LookPanel } from "./look.js";
import { MendPanel } from "./mend.js";
import { PlanDocument } from "./document.js";
import { RunPanel } from "./run.js";
import { ScanPanel } from "./scan.js";
import { Strokes } from "./strokes.js";
import { Timeline } from "./timeline.js";
import { TryPanel } from "./try.js";
import { Viewer } from "./viewer.js";
import { t } from "./words.js";

const STEPS = ["look", "scan", "mend", "try", "run"];
const TOOLS = {
  look: ["look"],
  scan: ["look", "region"],
  mend: ["look", "box", "brush", "eraser"],
  try: ["look"],
  run: ["look"],
};

export class Workbench {
  film = null;
  plan = null; // null until the film was scanned
  strokes = null;
  frame = 0;
  tab = "look";
  #id;
  #times = null;
  #panels = {};
  #tabs = new Map();
  #side = make("div", { class: "side" });
  #compare = null;
  #isClosed = false;

  constructor(id) {
    this.#id = id;
    this.element = make("div", { class: "workbench" }, make("p", { class: "waiting" }, t("film-opens")));
    this.keys = (event) => this.#key(event);
    this.follow = () => this.#follow();
    this.leave = (event) => {
      if (this.plan && this.plan.status !== "saved") event.preventDefault();
    };
  }

  async open() {
    const nav = document.getElementById("way");
    nav.replaceChildren(make("a", { href: "#/" }, t("films")));
    try {
      this.film = await get(`films/${this.#id}`);
      this.#times = new Uint32Array(await getBytes(`films/${this.#id}/times`));
      if (this.film.has_plan) await this.reload();
    } catch (error) {
      this.element.replaceChildren(
        make(
          "div",
          { class: "masthead" },
          make("h1", {}, t("film-broken")),
          make("p", { class: "lead error", role: "alert" }, error.message),
          make("p", {}, make("a", { href: "#/" }, t("back-to-films"))),
        ),
      );
      return;
    }
    if (this.#isClosed) return;
    nav.append(make("span", { "aria-current": "page" }, make("bdi", {}, this.film.name)));
    this.#build();
    addEventListener("keydown", this.keys);
    addEventListener("beforeunload", this.leave);
    jobs.addEventListener("change", this.follow);
    const asked = location.hash.split("/")[3];
    this.choose(STEPS.includes(asked) ? asked : this.plan ? "mend" : "look", { quietly: true });
    this.#follow();
    this.seek(this.plan?.events.length ? this.bestFrame(this.plan.events[0].entry) : 0);
  }

  close() {
    this.#isClosed = true;
    this.plan?.flush();
    removeEventListener("keydown", this.keys);
    removeEventListener("beforeunload", this.leave);
    jobs.removeEventListener("change", this.follow);
    this.#compare?.stop();
  }

  /** Reads the plan anew: a scan has made one. */
  async reload() {
    const plan = new PlanDocument(this.#id);
    this.strokes = new Strokes(this.#id); // another scan's strokes have the same names
    if (!(await plan.load())) return;
    this.plan = plan;
    plan.addEventListener("change", () => this.#planChanged());
    plan.addEventListener("select", () => {
      this.timeline?.drawStrip();
      this.viewer?.drawOverlay();
      if (this.tab === "mend") this.#panels.mend?.selectionChanged();
    });
    plan.addEventListener("status", () => this.#panels.mend?.showStatus());
    if (this.viewer) this.#planChanged();
  }

  /** Seconds from the first frame to when a frame is shown. */
  time = (frame) => this.#times[Math.min(frame, this.#times.length - 1)] / 1000;

  /** The frame that is on screen at a time. */
  frameAt(seconds) {
    const ms = seconds * 1000;
    let low = 0,
      high = this.film.frames - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#times[middle] <= ms + 0.5) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  seek(frame, { isNear = false } = {}) {
    this.frame = Math.min(Math.max(Math.round(frame), 0), this.film.frames - 1);
    this.viewer.show({ isNear });
    this.viewer.drawOverlay();
    this.timeline.show();
    this.#panels[this.tab]?.frameChanged?.();
  }

  step(frames) {
    this.seek(this.frame + frames);
  }

  /** Goes to the event before or behind this frame, and chooses it. */
  jump(way) {
    const events = this.plan?.events ?? [];
    const { frame } = this;
    const at = events.indexOf(this.plan?.chosenAt(frame));
    const found =
      at >= 0
        ? events[at + way]
        : way > 0
          ? events.find(({ entry }) => entry.first > frame)
          : events.findLast(({ entry }) => entry.last < frame);
    if (!found) {
      tell(t(way > 0 ? "no-event-on" : "no-event-back"));
      return;
    }
    this.plan.select(found.key);
    this.seek(this.bestFrame(found.entry));
  }

  /** The frame nearest to an event's middle on which it is fully there. */
  bestFrame(entry) {
    const middle = (entry.first + entry.last) >> 1,
      levels = entry.opacities ?? [];
    if (!levels.length) return middle;
    const full = 0.95 * levels.reduce((most, level) => Math.max(most, level), 0);
    let best = middle,
      distance = Infinity;
    levels.forEach((level, at) => {
      const away = Math.abs(entry.first + at - middle);
      if (level >= full && away < distance) [best, distance] = [entry.first + at, away];
    });
    return best;
  }

  /** The shot that a frame is in. */
  shotOf(frame) {
    return (
      this.plan?.shots.find((shot) => shot.first <= frame && frame <= shot.last) ?? {
        first: 0,
        last: this.film.frames - 1,
      }
    );
  }

  shownRegions() {
    return this.tab === "scan" ? this.#panels.scan.regionsAt(this.frame) : [];
  }

  /** Goes to a step. */
  choose(step, { quietly = false } = {}) {
    if (step !== this.tab) this.compare(null);
    this.tab = step;
    for (const [name, tab] of this.#tabs) {
      tab.setAttribute("aria-selected", name === step);
      tab.tabIndex = name === step ? 0 : -1;
    }
    const panel = this.#panels[step];
    this.#side.replaceChildren(panel.element);
    this.#side.setAttribute("aria-labelledby", `tab-${step}`);
    this.viewer.offerTools(TOOLS[step]);
    if (!quietly) this.#tabs.get(step).focus();
    const hash = `#/film/${this.#id}/${step}`;
    if (location.hash !== hash) history.replaceState(null, "", hash);
    panel.show?.();
    this.viewer.drawOverlay();
  }

  /** Shows before and after in the place of the frame, as `settings` of `Compare` say; null: the frame again. */
  compare(settings) {
    this.#compare?.stop();
    this.#compare =
      settings &&
      new Compare({
        ...settings,
        rate: this.film.rate,
        aspect: this.aspect,
        close: () => this.compare(null),
      });
    for (const part of this.element.querySelectorAll(".board > :not(.instead)"))
      part.hidden = Boolean(settings);
    this.element.querySelector(".instead").replaceChildren(...(settings ? [this.#compare.element] : []));
  }

  /** Width of the picture as it is shown, by its height. */
  get aspect() {
    return (this.film.width * this.film.sample_aspect) / this.film.height;
  }

  #build() {
    this.viewer = new Viewer(this);
    this.timeline = new Timeline(this);
    this.viewer.addEventListener("region", ({ detail }) => this.#panels.scan.add(detail.box));
    this.viewer.addEventListener("box", ({ detail }) => this.#panels.mend.add(detail));
    this.#panels = {
      look: new LookPanel(this),
      scan: new ScanPanel(this),
      mend: new MendPanel(this),
      try: new TryPanel(this),
      run: new RunPanel(this),
    };
    const tabs = make("div", { class: "steps", role: "tablist", "aria-label": t("steps") });
    STEPS.forEach((step, index) => {
      const tab = make(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${step}`,
          "aria-controls": "side",
          on: { click: () => this.choose(step), keydown: (event) => this.#tabKey(event, index) },
        },
        make("span", { class: "number" }, `${index + 2}`),
        t(`step-${step}`),
      );
      this.#tabs.set(step, tab);
      tabs.append(tab);
    });
    Object.assign(this.#side, { id: "side", tabIndex: -1 });
    this.#side.setAttribute("role", "tabpanel");
    this.element.replaceChildren(
      make("h1", { class: "unseen" }, this.film.name),
      make(
        "div",
        { class: "board" },
        make("div", { class: "row above" }, this.viewer.tools, this.viewer.zoomBar),
        this.viewer.element,
        this.timeline.element,
        make("div", { class: "instead" }),
      ),
      make("div", { class: "aside" }, tabs, this.#side),
    );
  }

  #tabKey(event, index) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: STEPS.length - 1 - index };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(STEPS[(index + steps[event.key] + STEPS.length) % STEPS.length]);
  }

  #planChanged() {
    this.timeline.draw();
    this.viewer.drawOverlay();
    this.#panels[this.tab]?.show?.();
  }

  #follow() {
    for (const panel of Object.values(this.#panels)) panel.follow?.();
  }

  #key(event) {
    if (event.defaultPrevented || event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (!(target instanceof Element)) return;
    const isTyping = target.matches(
      "textarea, select, input:not([type=checkbox], [type=radio], [type=range])",
    );
    const isChoosing = target.matches("input[type=radio], input[type=range]:not(.scrubber)");
    const word = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (isTyping || !this.plan || !["z", "y"].includes(word)) return;
      if (word === "y" || event.shiftKey) this.plan.redo();
      else this.plan.undo();
      event.preventDefault();
      return;
    }
    if (isTyping) return;
    const { brush } = this.viewer;
    const keys = {
      PageUp: () => this.jump(-1),
      PageDown: () => this.jump(1),
      "+": () => this.viewer.zoom(1),
      "=": () => this.viewer.zoom(1),
      "-": () => this.viewer.zoom(-1),
      0: () => this.viewer.zoom(0),
      ",": () => this.step(-1),
      ".": () => this.step(1),
      v: () => this.viewer.pick("look"),
      r: () => this.viewer.pick("region"),
      b: () => this.viewer.pick("box"),
      p: () => this.viewer.pick("brush"),
      e: () => this.viewer.pick("eraser"),
      ...(this.viewer.isPainting
        ? { "[": () => brush.setSize(brush.size - 2), "]": () => brush.setSize(brush.size + 2) }
        : {}),
      ...this.#panels[this.tab].keys,
    };
    const isButton = target.matches("button, a, summary, [role=tab]");
    if (!isChoosing) {
      const far = event.shiftKey ? Math.round(this.film.rate) : 1;
      Object.assign(keys, {
        ArrowLeft: () => this.step(-far),
        ArrowRight: () => this.step(far),
        Home: () => this.seek(0),
        End: () => this.seek(this.film.frames - 1),
      });
      Object.assign(keys, this.#compare?.keys);
    }
    if (isButton && (event.key === " " || event.key === "Enter")) return;
    const act = keys[word] ?? keys[event.key];
    if (!act) return;
    act();
    event.preventDefault();
  }
}
