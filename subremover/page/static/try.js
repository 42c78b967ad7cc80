// Try: three seconds around this frame, made as the whole film would be, before and after.

import { formatTime } from "./api.js";
import { button, make, tell } from "./elements.js";
import { JobCard, isOver, jobs } from "./jobs.js";
import { t } from "./words.js";

export class TryPanel {
  #bench;
  #go = button("", () => this.#start(), { class: "main" });
  #look = button(t("try-look"), () => this.#show());
  #card = new JobCard(t("try-progress"));
  #error = make("p", { class: "error", role: "alert", hidden: true });
  #none = make("p", { class: "hint" }, t("try-none"));
  #job = null;
  #asked = null; // number of the job whose end opens the view

  constructor(bench) {
    this.#bench = bench;
    this.element = make(
      "div",
      {},
      make("h2", {}, t("step-try")),
      make("p", {}, t("try-lead")),
      this.#none,
      make("div", { class: "row" }, this.#go, this.#look),
      this.#card.element,
      this.#error,
    );
  }

  show() {
    this.frameChanged();
    this.follow();
  }

  frameChanged() {
    this.#go.textContent = t("try-go", { time: formatTime(this.#bench.time(this.#bench.frame)) });
  }

  follow() {
    const { film, plan } = this.#bench;
    const job = jobs.current(film.id, "try");
    this.#job = job;
    this.#card.show(job);
    this.#none.hidden = Boolean(plan);
    this.#go.disabled = !plan || Boolean(job && !isOver(job));
    this.#look.hidden = job?.state !== "done";
    this.#error.hidden = job?.state !== "failed";
    this.#error.textContent = job?.error ?? "";
    if (job?.state === "done" && this.#asked === job.id) {
      this.#asked = null;
      if (this.element.isConnected) this.#show();
      else tell(t("try-done"));
    }
  }

  async #start() {
    const { film, plan, frame } = this.#bench;
    try {
      if (!(await plan.flush())) return;
      this.#asked = (await jobs.add(film.id, "try", { frame })).id;
      this.follow();
    } catch (error) {
      tell(error.message, { isError: true });
    }
  }

  #show() {
    const { film } = this.#bench,
      { id, result } = this.#job;
    this.#bench.compare({
      path: (side, frame, width) => `jobs/${id}/pictures/${side}/${frame}.jpg?width=${width}`,
      count: result.last - result.first + 1,
      label: (frame) =>
        t("frame-at", {
          frame: result.first + frame,
          time: formatTime(this.#bench.time(result.first + frame)),
        }),
      hasProvenance: true,
      start: Math.min(Math.max(this.#bench.frame - result.first, 0), result.last - result.first),
    });
  }
}
