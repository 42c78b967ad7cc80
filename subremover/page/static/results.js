// What a finished run says of itself, and the files to save.

import { make } from "./elements.js";
import { t } from "./words.js";

const share = (value) => `${Math.round(100 * value)} %`;

/** One sentence of what was done. */
export function describeResult(result) {
  if (!result.events) return t("result-none");
  const from = ["borrowed", "unmixed", "painted"]
    .filter((name) => result[name] >= 0.005)
    .map((name) => t(`share-${name}`, { share: share(result[name]) }));
  return [t("result-removed", { n: result.events, frames: result.frames_masked }), ...from].join(t("comma"));
}

/** Links to save what was made of a film. */
export function fileLinks(film, kinds) {
  return kinds.map((kind) =>
    make(
      "a",
      {
        class: kind === "film" ? "button main" : "button",
        href: `/api/films/${film}/files/${kind}`,
        download: "",
      },
      t(`save-${kind}`),
    ),
  );
}
