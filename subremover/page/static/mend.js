// Mend: the list of all events, and what is done to many of them; to one of them: picked.js.

import { button, labelled, make, tell } from "./elements.js";
import { describeEvent } from "./events.js";
import { PickedEvent } from "./picked.js";
import { whole } from "./viewer.js";
import { t } from "./words.js";

const NEW_SECONDS = 2;

export class MendPanel {
  #bench;
  #list = make("ul", { class: "events" });
  #rows = new WeakMap(); // by entry
  #picked;
  #status = make("p", { class: "status", role: "status" });
  #undo = button("", () => this.#bench.plan.undo(), { key: "Control+Z" });
  #redo = button("", () => this.#bench.plan.redo(), { key: "Control+Y" });
  #filter = make("input", { type: "search", autocomplete: "off", on: { input: () => this.#sift() } });
  #decision = make(
    "select",
    { on: { change: () => this.#sift() } },
    new Option(t("all"), ""),
    new Option(t("removed"), "removed"),
    new Option(t("kept"), "kept"),
  );
  #count = make("output", {});
  constructor(bench) {
    this.#bench = bench;
    this.#picked = new PickedEvent(bench);
    this.empty = make(
      "div",
      {},
      make("p", {}, t("mend-none")),
      make(
        "div",
        { class: "row" },
        button(t("look-next"), () => bench.choose("scan"), { class: "main" }),
      ),
    );
    this.whole = make(
      "div",
      { class: "mend" },
      make(
        "div",
        { class: "row" },
        this.#undo,
        this.#redo,
        button(t("event-add"), () => this.add({ box: this.#usualBox() })),
      ),
      this.#status,
      this.#picked.element,
      make(
        "form",
        { class: "row filter", role: "search", on: { submit: (event) => event.preventDefault() } },
        labelled(t("text"), this.#filter),
        labelled(t("show"), this.#decision),
        this.#count,
      ),
      make(
        "div",
        { class: "row" },
        button(t("turn-shown-off"), () => this.#turnShown(false)),
        button(t("turn-shown-on"), () => this.#turnShown(true)),
      ),
      this.#list,
      make("p", { class: "hint" }, t("plan-folder"), " ", make("code", {}, bench.film.plan_folder)),
    );
    this.element = make("div", {}, make("h2", {}, t("step-mend")), this.empty, this.whole);
  }

  get keys() {
    return this.#picked.keys;
  }

  show() {
    const { plan } = this.#bench;
    this.empty.hidden = Boolean(plan);
    this.whole.hidden = !plan;
    if (!plan) return;
    for (const [control, word, what] of [
      [this.#undo, "undo", plan.canUndo],
      [this.#redo, "redo", plan.canRedo],
    ]) {
      control.disabled = !what;
      control.textContent = t(word);
      control.title = what ? `${t(word)}: ${what}` : t(word);
    }
    this.showStatus();
    this.#showList();
    this.selectionChanged();
  }

  showStatus() {
    const { plan } = this.#bench;
    if (!plan) return;
    this.#status.textContent = t(`status-${plan.status}`, {
      n: plan.events.filter(({ entry }) => entry.remove).length,
    });
    this.#status.classList.toggle("error", plan.status === "failed");
  }

  /** Marks the events of the frame that is shown. */
  frameChanged() {
    const { plan, frame } = this.#bench;
    this.#mark("here", plan ? plan.at(frame).map(({ key }) => key) : []);
  }

  /** Shows which event is chosen. */
  selectionChanged() {
    const { plan } = this.#bench;
    this.#mark("selected", plan.selected === null ? [] : [plan.selected]);
    this.#picked.show();
  }

  #mark(word, keys) {
    for (const row of this.#list.querySelectorAll(`.${word}`)) row.classList.remove(word);
    for (const key of keys) this.#list.children[this.#bench.plan.number(key) - 1]?.classList.add(word);
  }

  /** Adds an event of a box, or of strokes, from this frame on for as long as a subtitle stands. */
  add(fields) {
    const { plan, frame, film, time } = this.#bench;
    if (!plan) {
      tell(t("mend-none"));
      return;
    }
    const { last: end } = this.#bench.shotOf(frame);
    const last = Math.max(
      frame,
      Math.min(end, this.#bench.frameAt(time(frame) + NEW_SECONDS), film.frames - 1),
    );
    plan.add({ first: frame, last, text: "", kind: "subtitle", remove: true, ...fields }, t("did-add"));
    tell(t("event-added", { first: frame, last }));
  }

  #usualBox() {
    const { width, height } = this.#bench.film;
    return whole([width * 0.2, height * 0.82, width * 0.6, height * 0.12], this.#bench.film);
  }

  #turnShown(remove) {
    const { plan } = this.#bench;
    const shown = new Set(
      [...this.#list.children].filter((row) => !row.hidden).map((row) => +row.dataset.key),
    );
    const turned = plan.events.filter(({ key, entry }) => shown.has(key) && entry.remove !== remove);
    if (turned.length) plan.changeAll(turned, { remove }, t(remove ? "did-remove" : "did-keep"));
  }

  #showList() {
    const { plan } = this.#bench;
    const rows = plan.events.map((event, index) => this.#row(event, index + 1));
    if (
      rows.length !== this.#list.children.length ||
      rows.some((row, at) => this.#list.children[at] !== row)
    ) {
      const focused = this.#list.contains(document.activeElement) ? document.activeElement : null;
      const [key, kind] = [focused?.closest("li")?.dataset.key, focused?.tagName];
      this.#list.replaceChildren(...rows);
      if (key) this.#list.querySelector(`li[data-key="${key}"] ${kind}`)?.focus();
    }
    this.frameChanged();
    this.#sift();
  }

  #row({ key, entry }, number) {
    const known = this.#rows.get(entry);
    if (known && known.number === number && known.row.dataset.key === String(key)) return known.row;
    const { plan } = this.#bench;
    const row = make(
      "li",
      { class: `${entry.kind ?? "subtitle"} ${entry.remove ? "removed" : "kept"}`, data: { key } },
      make("input", {
        type: "checkbox",
        checked: entry.remove,
        "aria-label": t("remove-number", { n: number }),
        title: t("remove"),
        on: {
          change: (event) =>
            plan.change(
              key,
              { remove: event.target.checked },
              t(event.target.checked ? "did-remove" : "did-keep"),
            ),
        },
      }),
      button(
        describeEvent(this.#bench, entry, number),
        () => {
          plan.select(key);
          this.#bench.seek(this.#bench.bestFrame(plan.get(key).entry));
        },
        { class: "event" },
      ),
    );
    this.#rows.set(entry, { row, number });
    return row;
  }

  #sift() {
    const { plan } = this.#bench;
    const text = this.#filter.value.trim().toLocaleLowerCase(),
      wanted = this.#decision.value;
    let shown = 0;
    for (const row of this.#list.children) {
      const { entry } = plan.get(+row.dataset.key);
      row.hidden = !(
        (entry.text ?? "").toLocaleLowerCase().includes(text) &&
        (!wanted || (wanted === "removed") === entry.remove)
      );
      shown += !row.hidden;
    }
    this.#count.textContent =
      shown < plan.events.length ? t("shown-of", { shown, all: plan.events.length }) : "";
  }
}
