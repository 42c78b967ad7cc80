// The plan of a film while a person mends it: every change is a new list of events, saved at once, and can be undone.
//
// An event here is {key, entry}: the entry as plan.json has it, frozen, and a key by which it is known while its
// entry changes. Strokes are named by the entry; a name once given always stands for the same picture, so that
// undoing needs no pixels.

import { Refusal, get, put } from "./api.js";
import { ask, tell } from "./elements.js";
import { t } from "./words.js";

const SAVE_MS = 300;
const MOST_STEPS = 200;

export class PlanDocument extends EventTarget {
  events = [];
  shots = [];
  revision = "";
  isMended = false;
  selected = null;
  status = "saved"; // or "waiting", "saving", "failed"
  #film;
  #undo = [];
  #redo = [];
  #timer = 0;
  #keys = 0;
  #saving = null;

  constructor(film) {
    super();
    this.#film = film;
  }

  /** Reads the plan as it is on disk; false where there is none. What can be undone is forgotten. */
  async load() {
    let plan;
    try {
      plan = await get(`films/${this.#film}/plan`);
    } catch (error) {
      if (error.status === 404) return false;
      throw error;
    }
    this.revision = plan.revision;
    this.isMended = plan.is_mended;
    this.shots = plan.shots;
    this.events = plan.events.map((entry) => this.#event(entry));
    this.#undo = [];
    this.#redo = [];
    this.selected = null;
    this.#become("saved");
    this.#changed();
    return true;
  }

  get(key) {
    return this.events.find((event) => event.key === key) ?? null;
  }

  get chosen() {
    return this.selected === null ? null : this.get(this.selected);
  }

  /** Number of an event from 1, as the report and messages have it. */
  number(key) {
    return this.events.findIndex((event) => event.key === key) + 1;
  }

  at(frame) {
    return this.events.filter(({ entry }) => entry.first <= frame && frame <= entry.last);
  }

  select(key) {
    if (this.selected === key) return;
    this.selected = key;
    this.dispatchEvent(new Event("select"));
  }

  /** Changes fields of an event; undefined takes a field away. */
  change(key, fields, what) {
    const before = this.get(key).entry;
    const entry = { ...before, ...fields };
    for (const [name, value] of Object.entries(entry)) if (value === undefined) delete entry[name];
    if (fields.first !== undefined || fields.last !== undefined) keepOpacities(before, entry);
    if (JSON.stringify(before) === JSON.stringify(entry)) return;
    this.#become_(this.events.map((event) => (event.key === key ? this.#event(entry, key) : event)), what);
  }

  /** Changes many events in one step; `fields` of each. */
  changeAll(events, fields, what) {
    const keys = new Set(events.map((event) => event.key));
    this.#become_(
      this.events.map((event) => (keys.has(event.key) ? this.#event({ ...event.entry, ...fields }, event.key) : event)),
      what,
    );
  }

  add(entry, what) {
    const event = this.#event(entry);
    this.#become_([...this.events, event], what);
    this.select(event.key);
    return event.key;
  }

  remove(key, what) {
    this.#become_(this.events.filter((event) => event.key !== key), what);
  }

  get canUndo() { return this.#undo.at(-1)?.what ?? null; }
  get canRedo() { return this.#redo.at(-1)?.what ?? null; }
  undo() { this.#step(this.#undo, this.#redo, "undone"); }
  redo() { this.#step(this.#redo, this.#undo, "redone"); }

  /** Saves what waits; resolves when all is on disk. */
  async flush() {
    clearTimeout(this.#timer);
    while (this.status === "waiting" || this.#saving) await (this.#saving ?? this.#save());
    return this.status === "saved";
  }

  #step(from, to, word) {
    const step = from.pop();
    if (!step) return;
    to.push({ events: this.events, what: step.what });
    this.events = step.events;
    tell(t(word, { what: step.what }));
    this.#changed();
    this.#soon();
  }

  /** Takes a new list of events for the plan. */
  #become_(events, what) {
    this.#undo.push({ events: this.events, what });
    if (this.#undo.length > MOST_STEPS) this.#undo.shift();
    this.#redo = [];
    this.events = events.toSorted((a, b) => a.entry.first - b.entry.first);
    this.isMended = true;
    this.#changed();
    this.#soon();
  }

  #event(entry, key) {
    return { key: key ?? ++this.#keys, entry: Object.freeze(entry) };
  }

  #changed() {
    if (this.selected !== null && !this.chosen) this.selected = null;
    this.dispatchEvent(new Event("change"));
    this.dispatchEvent(new Event("select"));
  }

  #become(status) {
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }

  #soon() {
    this.#become("waiting");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_MS);
  }

  #save() {
    this.#saving ??= this.#saveNow().finally(() => { this.#saving = null; });
    return this.#saving;
  }

  async #saveNow() {
    while (this.status === "waiting") {
      this.#become("saving");
      const events = this.events;
      try {
        const saved = await put(`films/${this.#film}/plan`, { revision: this.revision, events: events.map((event) => event.entry) });
        this.revision = saved.revision;
        this.isMended = saved.is_mended;
        if (this.status === "saving") this.#become("saved");
      } catch (error) {
        this.#become("failed");
        if (error instanceof Refusal && error.reason === "changed") await this.#resolve(error);
        else tell(error.message, { isError: true });
      }
    }
  }

  /** Another tab, or a hand, has changed the plan meanwhile: whose shall it be? */
  async #resolve(error) {
    const answer = await ask(t("changed-question"), t("changed-details"), [
      ["mine", t("changed-mine"), "main"],
      ["theirs", t("changed-theirs")],
    ]);
    if (answer === "mine") {
      this.revision = error.body.revision;
      this.#become("waiting");
    } else if (answer === "theirs") await this.load();
  }
}

/** Opacities follow the ends of an event that becomes shorter; one that becomes longer is opaque throughout. */
function keepOpacities(before, entry) {
  if (!before.opacities?.length) return;
  if (entry.first >= before.first && entry.last <= before.last)
    entry.opacities = before.opacities.slice(entry.first - before.first, entry.last - before.first + 1);
  else delete entry.opacities;
}
