// The queue: what runs, what waits, what is done; what one looks at from a telephone.

import { formatLength } from "./api.js";
import { button, make } from "./elements.js";
import { describeJob, isOver, jobButtons, jobs } from "./jobs.js";
import { describeResult, fileLinks } from "./results.js";
import { t } from "./words.js";

export class Queue {
  #list = make("ol", { class: "queue" });
  #rows = new Map();

  constructor() {
    this.element = make(
      "div",
      { class: "library" },
      make(
        "div",
        { class: "masthead" },
        make("h1", {}, t("queue")),
        make("p", { class: "lead" }, t("queue-lead")),
      ),
      this.#list,
      make("p", { class: "empty" }, t("queue-empty")),
    );
    this.show = () => this.#show();
    jobs.addEventListener("change", this.show);
    this.#show();
  }

  open() {
    document.getElementById("way").replaceChildren(make("a", { href: "#/" }, t("films")));
  }

  close() {
    jobs.removeEventListener("change", this.show);
  }

  #show() {
    const runs = jobs.all.filter((job) => job.kind === "run");
    const rank = { running: 0, stopping: 0, queued: 1, paused: 2, failed: 3, done: 4 };
    runs.sort((a, b) => rank[a.state] - rank[b.state] || (isOver(a) ? b.id - a.id : 0));
    this.element.querySelector(".empty").hidden = runs.length > 0;
    const known = new Map(runs.map((job) => [job.id, this.#rows.get(job.id) ?? makeRow(job)]));
    this.#rows = known;
    for (const job of runs) known.get(job.id).show(job);
    const order = runs.map((job) => known.get(job.id).element);
    if (
      order.length !== this.#list.children.length ||
      order.some((row, at) => this.#list.children[at] !== row)
    )
      this.#list.replaceChildren(...order);
  }
}

function makeRow(first) {
  const progress = make("progress", { max: 1, "aria-label": t("busy-label") });
  const words = make("p", { class: "job-words" });
  const buttons = make("div", { class: "row" });
  const element = make(
    "li",
    { class: "film" },
    make(
      "div",
      { class: "about" },
      make("h2", {}, make("a", { href: `#/film/${first.film}/run` }, make("bdi", {}, first.name))),
      words,
      progress,
    ),
    buttons,
  );
  let state = "";
  return {
    element,
    show(job) {
      element.dataset.state = job.state;
      progress.hidden = isOver(job);
      if (job.state === "running" && !job.share) progress.removeAttribute("value");
      else progress.value = job.share ?? 0;
      words.textContent = describeJob(job);
      words.classList.toggle("error", job.state === "failed");
      if (job.state === "failed") words.textContent = job.error ?? t("job-failed");
      if (job.state === "done" && job.result)
        words.textContent = describeResult(job.result) + t("semicolon") + formatLength(job.result.seconds);
      if (state === job.state) return;
      state = job.state;
      buttons.replaceChildren(
        ...(isOver(job)
          ? [
              ...(job.state === "failed"
                ? [button(t("try-again"), () => jobs.order(job, "resume"))]
                : fileLinks(job.film, ["film"])),
              button(t("off-the-list"), () => jobs.order(job, "cancel"), { class: "quiet" }),
            ]
          : jobButtons(job)),
      );
    },
  };
}
