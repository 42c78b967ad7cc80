// How an event is told in words, the same wherever it is told.

import { formatTime } from "./api.js";
import { make } from "./elements.js";
import { reason, t } from "./words.js";

/** Lines of an event: when, what it says, and how likely it is to be a subtitle. */
export function describeEvent(bench, entry, number = null) {
  const start = bench.time(entry.first),
    end = bench.time(entry.last + 1);
  const sure =
    entry.probability === undefined || entry.probability === null
      ? t("by-hand")
      : t("probability", { n: Math.round(100 * entry.probability) });
  const why = (entry.reasons ?? []).map(reason).join(t("semicolon"));
  return [
    make(
      "span",
      { class: "when" },
      number === null ? null : make("b", {}, `${number}`),
      ` ${formatTime(start)} `,
      make("small", {}, t("length-seconds", { n: (end - start).toFixed(1) })),
    ),
    make("bdi", { class: "says" }, entry.text?.replaceAll("\n", " / ") || make("em", {}, t("not-read"))),
    make(
      "span",
      { class: "why" },
      make("b", {}, t(`kind-${entry.kind ?? "subtitle"}`)),
      ` · ${sure}`,
      why ? ` · ${why}` : null,
    ),
  ];
}
