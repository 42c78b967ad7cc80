// Run: the options that matter, the whole film, and what came of it.

import { formatLength, formatSize, formatTime, get } from "./api.js";
import { ask, button, fill, labelled, make, tell } from "./elements.js";
import { JobCard, isOver, jobs } from "./jobs.js";
import { describeResult, fileLinks } from "./results.js";
import { t } from "./words.js";

export class RunPanel {
  #bench;
  #preset = make("select", {});
  #codec = make("select", {});
  #container = make(
    "select",
    {},
    new Option(t("as-source"), ""),
    new Option("MKV", "mkv"),
    new Option("MP4", "mp4"),
  );
  #quality = make(
    "select",
    {},
    ["lossless", "match", "crf"].map((name) => new Option(t(`quality-${name}`), name)),
  );
  #crf = make("input", { type: "number", min: 0, max: 63, value: 18 });
  #track = make("input", { type: "checkbox" });
  #language = make("input", { type: "text", value: "und", maxLength: 3, size: 4, pattern: "[a-z]{3}" });
  #srt = make("input", { type: "checkbox" });
  #go = button(t("run-go"), () => this.#start(), { class: "main" });
  #card = new JobCard(t("run-progress"));
  #error = make("p", { class: "error", role: "alert", hidden: true });
  #done = make("div", { class: "done", hidden: true });
  #command = make("code", {});
  #asCommand = make("details", { hidden: true }, make("summary", {}, t("as-command")), this.#command);
  #shown = "";

  constructor(bench) {
    this.#bench = bench;
    const crf = labelled("CRF", this.#crf, { hidden: true });
    this.#quality.addEventListener("change", () => {
      crf.hidden = this.#quality.value !== "crf";
    });
    this.element = make(
      "div",
      {},
      make("h2", {}, t("step-run")),
      this.#done,
      this.#card.element,
      this.#error,
      this.#asCommand,
      make(
        "form",
        {
          class: "options",
          on: {
            submit: (event) => {
              event.preventDefault();
              this.#start();
            },
          },
        },
        labelled(t("preset"), this.#preset),
        labelled(t("quality"), this.#quality),
        crf,
        make(
          "details",
          {},
          make("summary", {}, t("run-more")),
          labelled(t("codec"), this.#codec),
          labelled(t("container"), this.#container),
          make("label", { class: "tick" }, this.#srt, make("span", {}, t("write-srt"))),
          make("label", { class: "tick" }, this.#track, make("span", {}, t("subtitle-track"))),
          labelled(t("subtitle-language"), this.#language),
        ),
        make("p", { class: "hint" }, t("sound-untouched")),
        make(
          "div",
          { class: "row" },
          this.#go,
          make("a", { class: "button quiet", href: "#/queue" }, t("queue")),
        ),
      ),
    );
    this.#offer();
  }

  show() {
    this.#shown = "";
    this.follow();
  }

  follow() {
    const job = jobs.current(this.#bench.film.id, "run");
    this.#card.show(job);
    this.#go.disabled = Boolean(job && !isOver(job));
    this.#error.hidden = job?.state !== "failed";
    this.#error.textContent = job?.error ?? "";
    this.#asCommand.hidden = !job;
    this.#command.textContent = job?.command ?? "";
    const text = job ? `${job.id} ${job.state}` : "none";
    if (this.#shown !== text && (!job || isOver(job))) this.#showDone(job);
    else if (job && !isOver(job)) this.#done.hidden = true;
    this.#shown = text;
  }

  async #offer() {
    const { presets, codecs } = await get("options").catch(() => ({
      presets: ["fast", "standard", "paper"],
      codecs: [],
    }));
    this.#preset.append(
      ...presets.map((name) => new Option(t(`preset-${name}`), name, false, name === "standard")),
    );
    this.#codec.append(
      new Option(t("as-source"), ""),
      ...codecs.map((name) => new Option(name.toUpperCase(), name)),
    );
  }

  async #start() {
    const { film, plan } = this.#bench;
    const options = {
      preset: this.#preset.value || "standard",
      codec: this.#codec.value || null,
      container: this.#container.value || null,
      match_size: this.#quality.value === "match",
      crf: this.#quality.value === "crf" ? +this.#crf.value : null,
      subtitle_track: this.#track.checked,
      subtitle_language: this.#language.value || "und",
      srt: this.#srt.checked,
      overwrite: false,
    };
    try {
      if (plan && !(await plan.flush())) return;
      await jobs.add(film.id, "run", options);
    } catch (error) {
      if (error.reason !== "exists") {
        tell(error.message, { isError: true });
        return;
      }
      const answer = await ask(t("exists-question"), t("exists-details"), [
        ["yes", t("exists-yes"), "danger"],
        [null, t("exists-no")],
      ]);
      if (answer)
        await jobs
          .add(film.id, "run", { ...options, overwrite: true })
          .catch((again) => tell(again.message, { isError: true }));
    }
  }

  /** What there is of a clean film, and what the job that made it has said, if it is still known. */
  async #showDone(job) {
    const { film } = this.#bench;
    Object.assign(film, await get(`films/${film.id}`).catch(() => ({})));
    const made = film.files.find(({ kind }) => kind === "film");
    this.#done.hidden = !made;
    if (!made) return;
    const result = job?.state === "done" ? job.result : null;
    const options = / \(--[^)]*\)/g; // of the command, which the page has other words for
    fill(
      this.#done,
      make("h3", {}, t("run-done")),
      film.is_outdated ? make("p", { class: "warning" }, t("outdated")) : null,
      result ? make("p", {}, describeResult(result) + t("stop")) : null,
      make(
        "p",
        { class: "hint" },
        [result ? formatLength(result.seconds) : null, formatSize(made.bytes)].filter(Boolean).join(" · "),
      ),
      result?.left_alone?.length
        ? make("p", {}, t("left-alone", { what: result.left_alone.join(t("comma")).replace(options, "") }))
        : null,
      result ? job.warnings.map((warning) => make("p", { class: "warning" }, warning)) : null,
      make(
        "div",
        { class: "row" },
        fileLinks(
          film.id,
          film.files.map(({ kind }) => kind),
        ),
        button(t("before-after"), () => this.#show()),
      ),
    );
  }

  #show() {
    const { film, frame } = this.#bench;
    const sides = { before: "frames", after: "cleaned" };
    const stamps = { before: film.stamp, after: film.files.find(({ kind }) => kind === "film")?.stamp };
    this.#bench.compare({
      path: (side, at, width) => `films/${film.id}/${sides[side]}/${at}.jpg?width=${width}&v=${stamps[side]}`,
      count: film.frames,
      label: (at) => t("frame-at", { frame: at, time: formatTime(this.#bench.time(at)) }),
      hasProvenance: false,
      start: frame,
    });
  }
}
