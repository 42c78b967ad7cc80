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
  #events = [];
  #places = new Map(); // by key
  shots = [];
  revision = "";
  isMended = false;
  selected = null;
  status = "saved"; // or "waiting", "saving", "failed"
  #film;
  #isDirty = false; // there are changes that no save has taken up
  #works = new Set(); // what is being made that will change the plan
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
    this.#isDirty = false;
    this.#tell();
    this.#changed();
    return true;
  }

  /** All events, by first frame. */
  get events() {
    return this.#events;
  }

  set events(events) {
    this.#events = events;
    this.#places = new Map(events.map(({ key }, place) => [key, place]));
  }

  get(key) {
    return this.#events[this.#places.get(key)] ?? null;
  }

  get chosen() {
    return this.selected === null ? null : this.get(this.selected);
  }

  /** The event that is chosen, if it is on this frame; null. */
  chosenAt(frame) {
    const { chosen } = this;
    return chosen && isOn(chosen, frame) ? chosen : null;
  }

  /** Number of an event from 1, as the report and messages have it. */
  number(key) {
    return this.#places.get(key) + 1;
  }

  at(frame) {
    return this.events.filter((event) => isOn(event, frame));
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
    this.#take(
      this.events.map((event) => (event.key === key ? this.#event(entry, key) : event)),
      what,
    );
  }

  /** Changes many events in one step; `fields` of each. */
  changeAll(events, fields, what) {
    const keys = new Set(events.map((event) => event.key));
    this.#take(
      this.events.map((event) =>
        keys.has(event.key) ? this.#event({ ...event.entry, ...fields }, event.key) : event,
      ),
      what,
    );
  }

  add(entry, what) {
    const event = this.#event(entry);
    this.#take([...this.events, event], what);
    this.select(event.key);
    return event.key;
  }

  remove(key, what) {
    this.#take(
      this.events.filter((event) => event.key !== key),
      what,
    );
  }

  get canUndo() {
    return this.#undo.at(-1)?.what ?? null;
  }
  get canRedo() {
    return this.#redo.at(-1)?.what ?? null;
  }
  undo() {
    this.#step(this.#undo, this.#redo, "undone");
  }
  redo() {
    this.#step(this.#redo, this.#undo, "redone");
  }

  /** Waits for work that will change the plan, such as strokes on their way to the disk; it is not saved before. */
  async during(work) {
    this.#works.add(work);
    this.#tell();
    try {
      return await work;
    } finally {
      this.#works.delete(work);
      this.#tell();
    }
  }

  /** Saves what waits; true when all is on disk. */
  async flush() {
    clearTimeout(this.#timer);
    await Promise.allSettled(this.#works);
    if (this.#saving || this.#isDirty) await (this.#saving ?? this.#save());
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
  #take(events, what) {
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
  }

  /** Says how far saving is. */
  #tell(failed = false) {
    this.status = failed
      ? "failed"
      : this.#saving
        ? "saving"
        : this.#isDirty || this.#works.size
          ? "waiting"
          : "saved";
    this.dispatchEvent(new Event("status"));
  }

  #soon() {
    this.#isDirty = true;
    this.#tell();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_MS);
  }

  #save() {
    this.#saving ??= Promise.resolve()
      .then(() => this.#saveAll())
      .then(
        () => {
          this.#saving = null;
          this.#tell();
        },
        (error) => {
          this.#saving = null;
          this.#isDirty = true; // the next change, or whoever needs the plan, tries again
          this.#tell(true);
          tell(error.message, { isError: true });
        },
      );
    return this.#saving;
  }

  async #saveAll() {
    while (this.#isDirty) {
      this.#isDirty = false;
      this.#tell();
      try {
        const saved = await put(`films/${this.#film}/plan`, {
          revision: this.revision,
          events: this.events.map((event) => event.entry),
        });
        this.revision = saved.revision;
        this.isMended = saved.is_mended;
      } catch (error) {
        if (!(error instanceof Refusal && error.reason === "changed")) throw error;
        await this.#resolve(error);
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
      this.#isDirty = true;
    } else if (answer === "theirs") await this.load();
    else throw new Error(t("status-failed"));
  }
}

const isOn = ({ entry }, frame) => entry.first <= frame && frame <= entry.last;

/** Opacities follow the ends of an event that becomes shorter; one that becomes longer is opaque throughout. */
function keepOpacities(before, entry) {
  if (!before.opacities?.length) return;
  if (entry.first >= before.first && entry.last <= before.last)
    entry.opacities = before.opacities.slice(entry.first - before.first, entry.last - before.first + 1);
  else delete entry.opacities;
}
