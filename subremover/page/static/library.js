// Choose: the films of the folder, and what state each is in.

import { formatLength, formatSize, get, percent } from "./api.js";
import { button, labelled, make, tell } from "./elements.js";
import { jobs } from "./jobs.js";
import { t } from "./words.js";

export class Library {
  #films = [];
  #cards = new Map();
  #chosen = new Set();
  #list = make("ul", { class: "films" });
  #count = make("output", {});
  #filter = make("input", {
    type: "search",
    autocomplete: "off",
    spellcheck: false,
    on: { input: () => this.#sift() },
  });
  #state = make("select", { on: { change: () => this.#sift() } });
  #run = button("", () => this.#runChosen(), { class: "main", disabled: true });
  #watch = null; // sees which films are on screen, so that no other is opened for its picture

  constructor() {
    this.element = make(
      "div",
      { class: "library" },
      make("div", { class: "masthead" }, make("h1", {}, t("films")), make("p", { class: "lead" })),
      make(
        "div",
        { class: "bar" },
        make(
          "form",
          { class: "row filter", role: "search", on: { submit: (event) => event.preventDefault() } },
          labelled(t("name"), this.#filter),
          labelled(t("state"), this.#state),
          this.#count,
        ),
        make("div", { class: "row" }, this.#run),
      ),
      this.#list,
    );
    this.#state.append(
      new Option(t("all"), ""),
      ...["new", "scanned", "busy", "done", "failed"].map((state) => new Option(t(`state-${state}`), state)),
    );
    this.#watch = new IntersectionObserver(
      (seen) => {
        for (const { target, isIntersecting } of seen) if (isIntersecting) target.fill?.();
      },
      { rootMargin: "200px" },
    );
    this.refresh = () => this.#refresh();
    jobs.addEventListener("change", this.refresh);
    this.#tellChosen();
  }

  open() {
    document.getElementById("way").replaceChildren();
    this.#refresh();
  }

  close() {
    jobs.removeEventListener("change", this.refresh);
    this.#watch.disconnect();
  }

  async #refresh() {
    let found;
    try {
      found = await get("films");
    } catch (error) {
      tell(error.message, { isError: true });
      return;
    }
    this.#films = found.films;
    this.element.querySelector(".lead").textContent = found.films.length
      ? t("films-lead", { n: found.films.length, folder: found.folder })
      : t("films-none", { folder: found.folder });
    const ids = new Set(found.films.map((film) => film.id));
    for (const [id, card] of this.#cards)
      if (!ids.has(id)) {
        card.remove();
        this.#cards.delete(id);
      }
    for (const film of found.films) {
      if (!this.#cards.has(film.id)) {
        this.#cards.set(film.id, this.#makeCard(film));
        this.#watch.observe(this.#cards.get(film.id));
      }
      this.#showState(film);
    }
    const order = found.films.map((film) => this.#cards.get(film.id));
    if (order.some((card, at) => this.#list.children[at] !== card)) this.#list.replaceChildren(...order);
    this.#sift();
  }

  #makeCard(film) {
    const folder = film.name.includes("/") ? film.name.slice(0, film.name.lastIndexOf("/") + 1) : "";
    const name = film.name.slice(folder.length);
    const facts = make("p", { class: "facts" }, formatSize(film.bytes));
    const picture = make("img", { alt: "", width: 320, height: 180, hidden: true });
    const tick = make("input", {
      type: "checkbox",
      "aria-label": t("choose-film", { name: film.name }),
      on: { change: (event) => this.#choose(film.id, event.target.checked) },
    });
    const card = make(
      "li",
      { class: "film", data: { id: film.id } },
      make("div", { class: "thumb" }, picture),
      make(
        "div",
        { class: "about" },
        make(
          "h2",
          {},
          make(
            "a",
            { href: `#/film/${film.id}` },
            folder ? make("small", {}, folder) : null,
            make("bdi", {}, name),
          ),
        ),
        facts,
        make(
          "p",
          { class: "state" },
          make("span", { class: "dot" }),
          make("span", { class: "word" }),
          make("progress", { max: 1, hidden: true, "aria-label": t("busy-label") }),
        ),
      ),
      tick,
    );
    card.fill = async () => {
      card.fill = null;
      picture.addEventListener("load", () => {
        picture.hidden = false;
      });
      picture.src = `/api/films/${film.id}/thumbnail.jpg`;
      try {
        const brief = await get(`films/${film.id}/brief`);
        facts.textContent = [
          formatLength(brief.seconds),
          `${brief.width} × ${brief.height}`,
          formatSize(film.bytes),
        ].join(" · ");
      } catch (error) {
        facts.textContent = error.message;
        facts.classList.add("error");
        tick.disabled = true;
      }
    };
    return card;
  }

  #showState(film) {
    const card = this.#cards.get(film.id);
    card.dataset.state = film.state;
    const isBusy = film.share !== null && film.share !== undefined;
    card.querySelector(".word").textContent = isBusy
      ? t(`state-${film.state}-share`, { share: percent(film.share) })
      : t(`state-${film.state}`);
    const bar = card.querySelector("progress");
    bar.hidden = !isBusy;
    bar.value = film.share ?? 0;
  }

  #sift() {
    const text = this.#filter.value.trim().toLocaleLowerCase(),
      wanted = this.#state.value;
    const busy = ["scanning", "running", "queued", "paused"];
    let shown = 0;
    for (const film of this.#films) {
      const isWanted = !wanted || (wanted === "busy" ? busy.includes(film.state) : film.state === wanted);
      const card = this.#cards.get(film.id);
      card.hidden = !(film.name.toLocaleLowerCase().includes(text) && isWanted);
      shown += !card.hidden;
    }
    this.#count.textContent =
      shown < this.#films.length ? t("shown-of", { shown, all: this.#films.length }) : "";
  }

  #choose(id, isChosen) {
    if (isChosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    this.#tellChosen();
  }

  #tellChosen() {
    this.#run.textContent = this.#chosen.size ? t("run-chosen", { n: this.#chosen.size }) : t("run-none");
    this.#run.disabled = !this.#chosen.size;
  }

  /** Puts all chosen films in the queue, with the options that a person leaves as they are. */
  async #runChosen() {
    const chosen = this.#films.filter((film) => this.#chosen.has(film.id));
    let queued = 0;
    for (const film of chosen) {
      try {
        await jobs.add(film.id, "run", {});
        queued += 1;
      } catch (error) {
        tell(`${film.name}: ${error.message}`, { isError: true });
      }
    }
    this.#chosen.clear();
    for (const box of this.#list.querySelectorAll("input:checked")) box.checked = false;
    this.#tellChosen();
    if (queued) location.hash = "#/queue";
  }
}
