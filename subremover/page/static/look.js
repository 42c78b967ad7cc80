// Look: what the film is, and which keys there are.

import { formatSize, formatTime } from "./api.js";
import { make } from "./elements.js";
import { t } from "./words.js";

export class LookPanel {
  constructor(bench) {
    const { film } = bench;
    const facts = {
      "fact-picture": `${film.width} × ${film.height} px`,
      "fact-length": formatTime(film.seconds) + t("comma") + t("frames", { n: film.frames }),
      "fact-codec": `${film.codec}, ${film.rate.toFixed(3).replace(/\.?0+$/, "")} fps`,
      "fact-size": formatSize(film.bytes),
    };
    const keys = [
      ["← →", "key-step"],
      ["Shift + ← →", "key-second"],
      ["PageUp PageDown", "key-event"],
      ["Home End", "key-ends"],
      ["+ − 0", "key-zoom"],
      ["D", "key-turn"],
      ["F L", "key-set-ends"],
      ["V R B P E", "key-tools"],
      ["[ ]", "key-brush"],
      ["Delete", "key-delete"],
      ["Ctrl + Z, Ctrl + Y", "key-undo"],
    ];
    this.element = make(
      "div",
      {},
      make("h2", {}, t("step-look")),
      make("p", {}, t("look-lead")),
      film.warnings.map((warning) => make("p", { class: "warning" }, warning)),
      make(
        "dl",
        { class: "facts" },
        Object.entries(facts).map(([name, fact]) =>
          make("div", {}, make("dt", {}, t(name)), make("dd", {}, fact)),
        ),
      ),
      make(
        "details",
        { class: "keys" },
        make("summary", {}, t("keys")),
        make(
          "dl",
          {},
          keys.map(([key, name]) =>
            make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, t(name))),
          ),
        ),
      ),
    );
    this.element.append(
      make(
        "div",
        { class: "row" },
        make(
          "button",
          { type: "button", class: "main", on: { click: () => bench.choose("scan") } },
          t("look-next"),
        ),
      ),
    );
  }
}
