// Filters: the form under the box, and the chips of what is set.
import { button, byId, element, icon } from "./dom.js";
import { filtersOf, withoutFilter, withoutFilters } from "./state.js";
import { say } from "./words.js";

const CHANNELS = ["visual", "meaning", "asr", "subtitle", "ocr", "title", "tag"];

/** Show what a state filters by; `change(state)` is called with what the person chose. */
export function showFilters(state, change, library) {
  byId("filters").replaceChildren(form(state, change, library));
  const chips = filtersOf(state).map((filter) => chip(filter, () => change(withoutFilter(state, filter))));
  if (chips.length > 1) chips.push(button({ text: say("clearFilters"), kind: "chip plain", onClick: () => change(withoutFilters(state)) }));
  byId("chips").replaceChildren(...chips);
  byId("chips").hidden = !chips.length;
  byId("filter").classList.toggle("set", chips.length > 0 || state.apart);
}

/** Open or close the form. */
export function toggleFilters(open = byId("filters").hidden) {
  byId("filters").hidden = !open;
  byId("filter").setAttribute("aria-expanded", String(open));
  if (open) byId("filters").querySelector("button, input").focus();
}

function chip(filter, remove) {
  const text = chipText(filter);
  return element("button", { type: "button", class: "chip", "aria-label": say("removeFilter", text), on: { click: remove } }, text, icon("close"));
}

/** What a chip says of a filter. */
export function chipText({ name, value }) {
  return name === "channel" ? say(value) ?? value : say(`${name}Chip`, value);
}

/** Channels the library can answer by; all of them as long as it is not known. */
function channelsOf(library) {
  if (!library) return CHANNELS;
  const covered = new Set(library.coverage.map((one) => one.channel));
  return CHANNELS.filter((name) => library.evidence[name] || covered.has(name));
}

function form(state, change, library) {
  const toggles = channelsOf(library).map((name) => {
    const chosen = state.channel.includes(name);
    const channel = chosen ? state.channel.filter((other) => other !== name) : [...state.channel, name];
    return button({ text: say(name), kind: "chip toggle", "aria-pressed": String(chosen), onClick: () => change({ ...state, channel }) });
  });
  const field = (name, type, label, more = {}) => element("label", {}, element("span", {}, label),
    element("input", { name, type, value: state[name] || null, ...more }));
  const made = element("form", {
    on: {
      submit: (event) => {
        event.preventDefault();
        change(read(new FormData(made), state));
      },
    },
  },
    element("fieldset", { class: "wide" }, element("legend", {}, say("where")), element("div", { class: "toggles" }, toggles)),
    element("fieldset", { class: "wide" }, element("legend", {}, say("copiesLegend")), element("div", { class: "toggles" },
      button({
        text: say("copiesApart"), kind: "chip toggle", "aria-pressed": String(state.apart),
        onClick: () => change({ ...state, apart: !state.apart }),
      }))),
    element("fieldset", {}, element("legend", {}, say("length")),
      field("longer", "number", say("from"), { min: 0, step: "any" }), field("shorter", "number", say("to"), { min: 0, step: "any" })),
    element("fieldset", {}, element("legend", {}, say("date")), field("since", "date", say("from")), field("until", "date", say("to"))),
    element("fieldset", {}, element("label", {}, element("span", {}, say("tagFilter")), element("input", { name: "tag", maxlength: 1000 }))),
    element("fieldset", {}, element("label", {}, element("span", {}, say("pathFilter")), element("input", { name: "path", maxlength: 1000 }))),
    element("div", { class: "wide ends" },
      button({ text: say("reset"), onClick: () => change(withoutFilters(state)) }),
      element("button", { class: "go", type: "submit" }, say("apply"))));
  return made;
}

function read(given, state) {
  const changed = { ...state };
  for (const name of ["longer", "shorter", "since", "until"]) changed[name] = given.get(name);
  for (const name of ["tag", "path"]) {
    const value = given.get(name).trim();
    if (value && !state[name].includes(value)) changed[name] = [...state[name], value];
  }
  return changed;
}
