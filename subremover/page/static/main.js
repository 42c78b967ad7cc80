// Shows what the address asks for: the films of the folder, the queue, or one film.

import { make } from "./elements.js";
import { jobs } from "./jobs.js";
import { Library } from "./library.js";
import { Queue } from "./queue.js";
import { Workbench } from "./workbench.js";
import { language, setLanguage, t } from "./words.js";
import { percent } from "./api.js";

const content = document.getElementById("content");
let shown = null;

function route() {
  const [, place, id] = location.hash.split("/");
  shown?.close();
  document.body.dataset.place = place || "films";
  document.getElementById("way").replaceChildren();
  if (place === "film" && id) shown = new Workbench(id);
  else if (place === "queue") shown = new Queue();
  else shown = new Library();
  content.replaceChildren(shown.element);
  shown.open?.();
}

function tellBusy() {
  const running = jobs.all.find((job) => job.kind === "run" && job.state === "running");
  const waiting = jobs.all.filter((job) => job.kind === "run" && job.state === "queued").length;
  const link = document.getElementById("busy");
  link.hidden = !running && !waiting;
  if (!link.hidden) {
    const share = running ? percent(running.share ?? 0) : "";
    link.replaceChildren(
      make("progress", { max: 1, value: running?.share ?? 0, "aria-label": t("busy-label") }),
      make(
        "span",
        {},
        running ? t("busy-running", { share, name: running.name }) : t("busy-waiting", { n: waiting }),
      ),
    );
  }
  document.title = running ? `${percent(running.share ?? 0)} · subremover` : "subremover";
}

document.documentElement.lang = language;
document.querySelector(".skip").textContent = t("skip");
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says what is shown
  content.focus();
});
const chooser = document.getElementById("language");
chooser.setAttribute("aria-label", t("language"));
chooser.value = language;
chooser.addEventListener("change", () => setLanguage(chooser.value));
addEventListener("hashchange", route);
jobs.addEventListener("change", tellBusy);
jobs.start();
route();
