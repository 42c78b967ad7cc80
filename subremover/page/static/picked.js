// The event that is chosen: turned over, its ends moved, its kind, text and box changed, taken away.

import { formatTime } from "./api.js";
import { button, fill, labelled, make, numberInput, tell } from "./elements.js";
import { t } from "./words.js";
import { whole } from "./viewer.js";

export class PickedEvent {
  element = make("div", { class: "picked" });
  #bench;
  keys = {
    d: () => this.#turn(),
    f: () => this.#setEnd("first"),
    l: () => this.#setEnd("last"),
    Delete: () => this.#remove(),
  };

  constructor(bench) {
    this.#bench = bench;
  }

  show() {
    const { plan, film } = this.#bench,
      chosen = plan.chosen;
    const isTyping = this.element.contains(document.activeElement) ? document.activeElement.name : "";
    if (!chosen) {
      this.element.replaceChildren(
        make("p", { class: "hint" }, plan.events.length ? t("choose-hint") : t("nothing-found")),
      );
      return;
    }
    const { key, entry } = chosen;
    const change = (fields, what) => plan.change(key, fields, t(what));
    const number = (name, value, most, changed, least = 0) =>
      labelled(t(name), numberInput({ name, value, least, most, changed }));
    const setBox = (at) => (value) => {
      const box = whole(
        entry.box.map((each, i) => (i === at ? value : each)),
        film,
      );
      this.#moveBox(key, entry, box);
    };
    fill(
      this.element,
      make(
        "h3",
        {},
        t("event-number", { n: plan.number(key) }),
        " ",
        make(
          "small",
          {},
          `${formatTime(this.#bench.time(entry.first))} – ${formatTime(this.#bench.time(entry.last + 1))}`,
        ),
      ),
      make(
        "div",
        { class: "row" },
        button(t(entry.remove ? "leave-it" : "remove-it"), () => this.#turn(), {
          class: entry.remove ? "" : "main",
          key: "D",
        }),
        entry.probability === undefined
          ? button(t("take-away"), () => this.#remove(), { class: "quiet", key: "Delete" })
          : null,
      ),
      make(
        "div",
        { class: "numbers" },
        number("first-frame", entry.first, entry.last, (first) => change({ first }, "did-move")),
        number(
          "last-frame",
          entry.last,
          film.frames - 1,
          (last) => change({ last }, "did-move"),
          entry.first,
        ),
      ),
      make(
        "div",
        { class: "row" },
        button(t("first-here"), () => this.#setEnd("first"), { key: "F" }),
        button(t("last-here"), () => this.#setEnd("last"), { key: "L" }),
      ),
      make(
        "details",
        {
          open:
            isTyping === "kind" ||
            isTyping === "text" ||
            isTyping?.startsWith("box") ||
            this.element.querySelector("details")?.open,
        },
        make("summary", {}, t("details")),
        labelled(
          t("kind"),
          make(
            "select",
            { name: "kind", on: { change: (event) => change({ kind: event.target.value }, "did-change") } },
            ["subtitle", "scene", "logo"].map(
              (kind) => new Option(t(`kind-${kind}`), kind, false, kind === (entry.kind ?? "subtitle")),
            ),
          ),
        ),
        labelled(
          t("says"),
          make("textarea", {
            name: "text",
            rows: 2,
            maxLength: 2000,
            value: entry.text ?? "",
            dir: "auto",
            on: { change: (event) => change({ text: event.target.value }, "did-change") },
          }),
        ),
        make(
          "div",
          { class: "numbers" },
          ["x", "y", "width", "height"].map((name, at) =>
            number(
              `box-${name}`,
              entry.box[at],
              at % 2 ? film.height : film.width,
              setBox(at),
              at < 2 ? 0 : 1,
            ),
          ),
        ),
      ),
    );
    if (isTyping) this.element.querySelector(`[name="${isTyping}"]`)?.focus();
  }

  #turn() {
    const { plan } = this.#bench,
      chosen = plan?.chosen;
    if (chosen)
      plan.change(
        chosen.key,
        { remove: !chosen.entry.remove },
        t(chosen.entry.remove ? "did-keep" : "did-remove"),
      );
    else tell(t("choose-first"));
  }

  #setEnd(end) {
    const { plan, frame } = this.#bench,
      chosen = plan?.chosen;
    if (!chosen) tell(t("choose-first"));
    else if (end === "first" ? frame > chosen.entry.last : frame < chosen.entry.first)
      tell(t("ends-crossed"));
    else plan.change(chosen.key, { [end]: frame }, t("did-move"));
  }

  #remove() {
    const { plan } = this.#bench,
      chosen = plan?.chosen;
    if (!chosen) return;
    if (chosen.entry.probability === undefined) plan.remove(chosen.key, t("did-take-away"));
    else plan.change(chosen.key, { remove: false }, t("did-keep")); // what was found stays in the list
  }

  /** Gives an event another box: strokes stay where they are in the picture, and are cut to it. */
  async #moveBox(key, entry, box) {
    const { plan, strokes, film } = this.#bench;
    try {
      if (!entry.strokes) {
        plan.change(key, { box }, t("did-change"));
        return;
      }
      const [x, y, width, height] = box,
        [oldX, oldY] = entry.box;
      const mask = await strokes.read(entry);
      const all = mask.grow(0, 0, film.width, film.height);
      const cut = all.cut(x, y, width, height);
      if (!cut.bits.includes(1)) {
        tell(t("box-empty", { x: oldX, y: oldY }), { isError: true });
        this.show(); // the numbers as they were
        return;
      }
      plan.change(key, await plan.during(strokes.write(cut)), t("did-change"));
    } catch (error) {
      tell(error.message, { isError: true });
    }
  }
}
