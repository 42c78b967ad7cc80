// Knows how far the jobs are, by asking the server again and again; and the words and buttons for one.

import { formatLength, get, percent, post } from "./api.js";
import { ask, button, make, tell } from "./elements.js";
import { t } from "./words.js";

const SECONDS = { watched: 1, hidden: 10 };

class Jobs extends EventTarget {
  all = [];
  #timer = 0;
  #text = "";
  isReached = true;

  start() {
    document.addEventListener("visibilitychange", () => document.hidden || this.refresh());
    this.refresh();
  }

  /** Ask now; "change" follows where anything is another than before, "gone" and "back" with the server. */
  async refresh() {
    clearTimeout(this.#timer);
    try {
      const { jobs: all } = await get("jobs");
      if (!this.isReached) tell(t("server-back"));
      this.isReached = true;
      const text = JSON.stringify(all);
      if (text !== this.#text) {
        this.#text = text;
        this.all = all;
        this.dispatchEvent(new Event("change"));
      }
    } catch (error) {
      if (this.isReached) tell(error.message, { isError: true });
      this.isReached = false;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.refresh(),
      1000 * (document.hidden ? SECONDS.hidden : SECONDS.watched),
    );
  }

  /** The job of a kind for a film that is under way, or else the newest. */
  current(film, kind) {
    const its = this.all.filter((job) => job.film === film && job.kind === kind);
    return its.find((job) => !isOver(job)) ?? its.toSorted((a, b) => a.id - b.id).at(-1);
  }

  /** Starts one; what the server refuses is the caller's. */
  async add(film, kind, options) {
    const job = await post(`films/${film}/${kind}`, options);
    await this.refresh();
    return job;
  }

  /** Pauses, goes on with, cancels, or puts a job first. */
  async order(job, order) {
    try {
      await post(`jobs/${job.id}/${order}`);
    } catch (error) {
      tell(error.message, { isError: true });
    }
    await this.refresh();
  }
}

export const jobs = new Jobs();

export const isOver = (job) => job.state === "done" || job.state === "failed";

/** What a job does just now, in words. */
export function describeJob(job) {
  const words = [t(`job-${job.state}`)];
  if (job.state === "running" && job.stage) {
    words[0] = t(`stage-${job.stage}`);
    if (job.total) words.push(t("frames-of", { done: job.done, total: job.total }));
    if (job.frames_per_second) words.push(t("rate", { rate: job.frames_per_second.toFixed(1) }));
    if (job.seconds_left !== null && job.seconds_left !== undefined)
      words.push(t("left", { time: formatLength(job.seconds_left) }));
  } else if (job.state === "paused" && job.share) words.push(percent(job.share));
  return words.join(t("comma"));
}

/** A bar, words and buttons for a job; made once and kept up to date. */
export class JobCard {
  #progress = make("progress", { max: 1 });
  #words = make("p", { class: "job-words" });
  #buttons = make("div", { class: "row" });
  #state = "";

  constructor(label) {
    this.#progress.setAttribute("aria-label", label);
    this.element = make("div", { class: "job" }, this.#progress, this.#words, this.#buttons);
  }

  show(job) {
    this.element.hidden = !job || isOver(job);
    if (this.element.hidden) {
      this.#state = "";
      return;
    }
    if (job.state === "running" && !job.share) this.#progress.removeAttribute("value");
    else this.#progress.value = job.share ?? 0;
    this.#words.textContent = describeJob(job);
    if (this.#state !== `${job.id} ${job.state}`) {
      this.#state = `${job.id} ${job.state}`;
      this.#buttons.replaceChildren(...jobButtons(job));
    }
  }
}

/** The buttons that make sense for a job as it is. */
export function jobButtons(job) {
  const order = (word) => () => jobs.order(job, word);
  const buttons = [];
  // a scan or a try that was stopped would begin anew
  if (job.kind === "run" && (job.state === "running" || job.state === "queued"))
    buttons.push(button(t("pause"), order("pause"), { title: t("pause-keeps") }));
  if (job.state === "paused") buttons.push(button(t("go-on"), order("resume"), { class: "main" }));
  if (job.state === "queued" && job.kind === "run") buttons.push(button(t("put-first"), order("first")));
  if (job.state !== "stopping") buttons.push(button(t("cancel"), () => cancel(job), { class: "quiet" }));
  return buttons;
}

/** Cancels a job; one that has cost time only after a question. */
async function cancel(job) {
  const isCheap = job.state === "queued" || job.kind === "try";
  const answers = [
    ["yes", t("cancel-yes"), "danger"],
    [null, t("cancel-no")],
  ];
  if (isCheap || (await ask(t("cancel-question", { name: job.name }), t("cancel-details"), answers)))
    await jobs.order(job, "cancel");
}
