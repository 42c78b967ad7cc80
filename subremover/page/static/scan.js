// Scan: where to look, how far it is, and what was found so far.

import { formatTime, get } from "./api.js";
import { ask, button, labelled, make, numberInput, tell } from "./elements.js";
import { JobCard, isOver, jobs } from "./jobs.js";
import { describeEvent } from "./events.js";
import { whole } from "./viewer.js";
import { t } from "./words.js";

export class ScanPanel {
  #bench;
  #regions = []; // {box, first, last}, both frames null for the whole film
  #list = make("ul", { class: "regions" });
  #sensitivity = make(
    "select",
    {},
    ["low", "normal", "high"].map(
      (name) => new Option(t(`sensitivity-${name}`), name, false, name === "normal"),
    ),
  );
  #logos = make("input", { type: "checkbox" });
  #everything = make("input", { type: "checkbox" });
  #go = button("", () => this.#start(), { class: "main" });
  #card = new JobCard(t("scan-progress"));
  #error = make("p", { class: "error", role: "alert", hidden: true });
  #found = make("ol", { class: "found" });
  #foundTitle = make("h3", { hidden: true }, t("found-so-far"));
  #next = 0;
  #job = null;
  #seen = new Set(); // jobs whose plan was read
  #isAsking = false;

  constructor(bench) {
    this.#bench = bench;
    this.element = make(
      "div",
      {},
      make("h2", {}, t("step-scan")),
      make("p", {}, t("scan-lead")),
      make("h3", {}, t("regions")),
      make("p", { class: "hint" }, t("regions-hint")),
      this.#list,
      make(
        "div",
        { class: "row" },
        button(t("region-add"), () =>
          this.add(
            whole([0, bench.film.height * 0.67, bench.film.width, bench.film.height * 0.33], bench.film),
          ),
        ),
      ),
      make(
        "details",
        {},
        make("summary", {}, t("scan-more")),
        labelled(t("sensitivity"), this.#sensitivity),
        make("label", { class: "tick" }, this.#logos, make("span", {}, t("logos"))),
        make("label", { class: "tick" }, this.#everything, make("span", {}, t("everything"))),
      ),
      make("div", { class: "row" }, this.#go),
      this.#card.element,
      this.#error,
      this.#foundTitle,
      this.#found,
    );
    for (const job of jobs.all) if (job.kind === "scan" && isOver(job)) this.#seen.add(job.id);
  }

  show() {
    this.#go.textContent = t(this.#bench.plan ? "scan-again" : "scan-go");
  }

  /** Takes a region; it shows on the frame from now on. */
  add(box) {
    this.#regions.push({ box, first: null, last: null });
    this.#showRegions();
    tell(t("region-added", { n: this.#regions.length }));
  }

  regionsAt(frame) {
    return this.#regions
      .map((region, index) => ({ ...region, number: index + 1 }))
      .filter(({ first, last }) => (first ?? 0) <= frame && frame <= (last ?? Infinity));
  }

  follow() {
    const job = jobs.current(this.#bench.film.id, "scan");
    this.#card.show(job);
    this.#go.disabled = Boolean(job && !isOver(job));
    if (!job) return;
    if (this.#job !== job.id) {
      this.#job = job.id;
      this.#next = 0;
      this.#found.replaceChildren();
      this.#foundTitle.hidden = true;
    }
    this.#error.hidden = job.state !== "failed";
    this.#error.textContent = job.error ?? "";
    if (job.state === "running") this.#readFound(job);
    if (isOver(job) && !this.#seen.has(job.id)) this.#finish(job);
  }

  async #finish(job) {
    this.#seen.add(job.id);
    if (job.state !== "done") return;
    await this.#bench.reload();
    this.#found.replaceChildren();
    this.#foundTitle.hidden = true;
    const { plan } = this.#bench;
    tell(t("scan-done", { n: plan?.events.filter(({ entry }) => entry.remove).length ?? 0 }));
    if (this.element.isConnected) this.#bench.choose("mend");
    if (plan?.events.length) this.#bench.seek(this.#bench.bestFrame(plan.events[0].entry));
  }

  async #readFound(job) {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const { events, next } = await get(`jobs/${job.id}/found?since=${this.#next}`);
      if (this.#job !== job.id) return;
      this.#next = next;
      this.#foundTitle.hidden = !events.length && !this.#found.children.length;
      for (const entry of events) {
        const go = () => this.#bench.seek(this.#bench.bestFrame(entry));
        this.#found.append(
          make(
            "li",
            {},
            button(describeEvent(this.#bench, entry), go, {
              class: `event ${entry.kind} ${entry.remove ? "removed" : "kept"}`,
            }),
          ),
        );
      }
    } catch {
      // the next look at the jobs says what is the matter
    } finally {
      this.#isAsking = false;
    }
  }

  #showRegions() {
    const { film } = this.#bench;
    this.#list.replaceChildren(
      ...this.#regions.map((region, index) => {
        const change = (fields) => {
          Object.assign(region, fields);
          this.#showRegions();
        };
        const numbers = ["x", "y", "width", "height"].map((name, at) =>
          labelled(
            t(`box-${name}`),
            numberInput({
              value: region.box[at],
              least: at < 2 ? 0 : 1,
              most: at % 2 ? film.height : film.width,
              changed: (value) =>
                change({
                  box: whole(
                    region.box.map((each, i) => (i === at ? value : each)),
                    film,
                  ),
                }),
            }),
          ),
        );
        const stretch =
          region.first === null && region.last === null
            ? t("whole-film")
            : `${formatTime(this.#bench.time(region.first ?? 0))} – ${formatTime(this.#bench.time(region.last ?? film.frames - 1))}`;
        return make(
          "li",
          {},
          make(
            "div",
            { class: "row" },
            make("strong", {}, t("region-number", { n: index + 1 })),
            make("span", {}, stretch),
          ),
          make("div", { class: "numbers" }, numbers),
          make(
            "div",
            { class: "row" },
            button(t("from-here"), () =>
              change({
                first: this.#bench.frame,
                last: Math.max(region.last ?? film.frames - 1, this.#bench.frame),
              }),
            ),
            button(t("to-here"), () =>
              change({ last: this.#bench.frame, first: Math.min(region.first ?? 0, this.#bench.frame) }),
            ),
            region.first !== null || region.last !== null
              ? button(t("whole-film"), () => change({ first: null, last: null }))
              : null,
            button(
              t("take-away"),
              () => {
                this.#regions.splice(index, 1);
                this.#showRegions();
              },
              { class: "quiet", "aria-label": t("region-take-away", { n: index + 1 }) },
            ),
          ),
        );
      }),
    );
    this.#bench.viewer.drawOverlay();
  }

  /** Starts a scan; regions of different stretches are scanned one after the other, each adding to the plan. */
  async #start() {
    const options = {
      sensitivity: this.#sensitivity.value,
      logos: this.#logos.checked,
      everything: this.#everything.checked,
    };
    const { film, plan } = this.#bench;
    await plan?.flush();
    const stretches = Map.groupBy(this.#regions, ({ first, last }) => `${first} ${last}`);
    const scans = [...stretches.values()].map((regions) => ({
      ...options,
      regions: regions.map(({ box }) => box),
      first: regions[0].first,
      last: regions[0].last,
    }));
    if (!scans.length) scans.push({ ...options, regions: [], first: null, last: null });
    let keep = null;
    if (plan && (this.#regions.length || plan.isMended)) {
      const [question, details, answer] = this.#regions.length
        ? ["adds-question", "adds-details", "adds-add"]
        : ["mended-question", "mended-details", "mended-keep"];
      keep = await ask(t(question), t(details), [
        ["mended", t(answer), "main"],
        ["nothing", t("mended-replace"), "danger"],
        [null, t("mended-cancel")],
      ]);
      if (!keep) return;
    }
    try {
      for (const scan of scans) {
        await jobs.add(film.id, "scan", { ...scan, keep });
        keep = "mended"; // the others add to what the first has found
      }
    } catch (error) {
      tell(error.message, { isError: true });
    }
  }
}
