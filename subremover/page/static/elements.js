// Makes elements. Text goes in as text and never as markup, whatever a film is called or says.

import { t } from "./words.js";

/** An element with properties, attributes and children.
 *
 * `on` holds listeners, `data` the dataset, `is` classes by whether they apply; what is no property of the element
 * becomes an attribute; null and undefined are left out.
 */
export function make(tag, settings = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (value === null || value === undefined) continue;
    if (name === "on")
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.setAttribute("class", value);
    else if (name === "is")
      for (const [word, applies] of Object.entries(value)) element.classList.toggle(word, applies);
    else if (name === "place") place(element, value);
    else if (name in element && !tag.startsWith("svg:") && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  return fill(element, ...children);
}

/** Puts children in the place of those that are there; null, undefined and false are none. */
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

/** Sets custom properties of style, which the page's policy allows where it forbids style attributes. */
export function place(element, values) {
  for (const [name, value] of Object.entries(values)) element.style.setProperty(`--${name}`, value);
}

/** A button; `settings.key` is told to those who look for keyboard shortcuts. */
export function button(label, click, settings = {}) {
  const { key, ...others } = settings;
  const told = key ? { title: `${others.title ?? label} (${key})`, "aria-keyshortcuts": key } : {};
  return make("button", { type: "button", on: { click }, ...others, ...told }, label);
}

const ICONS = {
  back: "M14.5 5l2 2-5 5 5 5-2 2-7-7z",
  on: "M9.5 5l-2 2 5 5-5 5 2 2 7-7z",
  "event-back": "M6 5h2.5v14H6zM19 5v14L9.5 12z",
  "event-on": "M15.5 5H18v14h-2.5zM5 5v14l9.5-7z",
  play: "M8 5v14l11-7z",
  stop: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
};

/** A small picture for a button that has a name by itself. */
export function icon(name) {
  return make(
    "svg:svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" },
    make("svg:path", { d: ICONS[name] }),
  );
}

/** A control with its label around it. */
export function labelled(label, control, settings = {}) {
  return make("label", { class: "field", ...settings }, make("span", {}, label), control);
}

/** A field for a whole number; `changed` gets what is typed if it is one within the bounds, else it says so. */
export function numberInput({ name, value, least, most, changed }) {
  return make("input", {
    type: "number",
    name,
    min: least,
    max: most,
    value,
    on: {
      change: ({ target }) => {
        if (target.checkValidity() && target.value !== "") changed(Math.round(+target.value));
        else {
          tell(t("number-between", { least, most }), { isError: true });
          target.value = value;
        }
      },
    },
  });
}

/** A group of radio buttons that looks like one control; `changed` gets the value chosen. */
export function choices(legend, name, options, chosen, changed) {
  return make(
    "fieldset",
    { class: "choices", on: { change: (event) => changed(event.target.value) } },
    make("legend", {}, legend),
    options.map(([value, label, key]) =>
      make(
        "label",
        { title: key ? `${label} (${key})` : null },
        make("input", { type: "radio", name, value, checked: value === chosen }),
        make("span", {}, label),
      ),
    ),
  );
}

let number = 0;

/** Asks in a dialog, and resolves to the value of the button that was pressed; to null when it was closed. */
export function ask(question, details, answers) {
  const id = `question-${++number}`;
  return new Promise((resolve) => {
    const dialog = make(
      "dialog",
      { class: "question", "aria-labelledby": id },
      make("h2", { id }, question),
      details ? make("p", {}, details) : null,
      make(
        "div",
        { class: "row" },
        answers.map(([value, label, look]) =>
          button(
            label,
            () => {
              dialog.returnValue = value ?? "";
              dialog.close(value ?? "");
            },
            { class: look ?? "" },
          ),
        ),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue || null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const polite = () => document.getElementById("news");

/** Says something that a screen reader should read out, and that is seen for a while. */
export function tell(text, { isError = false } = {}) {
  const note = make("p", { class: isError ? "note error" : "note", role: isError ? "alert" : null }, text);
  for (const old of polite().querySelectorAll(".note:not(.error)")) old.remove();
  polite().append(note);
  setTimeout(() => note.remove(), isError ? 12000 : 4000);
}
