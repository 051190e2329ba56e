// Searches kept in this browser as addresses, the latest first, and listed under the box.
import { button, byId, element } from "./dom.js";
import { chipText } from "./filters.js";
import { EMPTY, filtersOf, fromAddress, toAddress } from "./state.js";
import { say } from "./words.js";

/** The address that a search is kept as: what is asked, not what is open. */
export const addressOf = (state) => toAddress({ ...state, count: EMPTY.count, video: null, time_ms: null, view: "cards" });

/**
 * One list of searches, in the storage under "wenshi.NAME" and in the element `#NAME`, whose texts are `NAME` and `NAMERemove`.
 *
 * `open(state)` is called with the search that was chosen, `onChange()` after the list was changed, here or in another tab.
 */
export class Kept {
  constructor({ name, most, open, onChange }) {
    Object.assign(this, { name, most, open, onChange, place: `wenshi.${name}` });
    window.addEventListener("storage", (event) => (event.key === this.place || event.key === null) && this.onChange());
  }

  /** What is there; anything that this page could not have written is left out. */
  read() {
    try {
      const found = JSON.parse(localStorage.getItem(this.place) ?? "[]");
      return found.filter((one) => typeof one === "string" && one.startsWith("/?") && textOf(one));
    } catch { // storage may be forbidden
      return [];
    }
  }

  write(addresses) {
    try {
      localStorage.setItem(this.place, JSON.stringify(addresses.slice(0, this.most)));
    } catch { /* then nothing is kept */ }
    this.onChange();
  }

  remove(address) {
    this.write(this.read().filter((one) => one !== address));
  }

  /** Build the list anew; with `hide` there is none to be seen. */
  show({ hide = false } = {}) {
    const kept = hide ? [] : this.read();
    const list = byId(this.name);
    list.hidden = !kept.length;
    list.replaceChildren(element("span", { "aria-hidden": "true" }, say(this.name)), ...kept.map((one) => this.chip(one)));
  }

  chip(address) {
    const state = fromAddress(address.slice(1));
    const text = [state.q, ...filtersOf(state).map(chipText)].join(" · ");
    const link = element("a", { href: address, on: {
      click: (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        this.open(state);
      },
    } }, text);
    const remove = button({ name: "close", label: say(`${this.name}Remove`, text), kind: "tool", onClick: () => {
      this.remove(address);
      (byId(this.name).querySelector("a") ?? byId("q")).focus();
    } });
    return element("span", { class: "chip pair" }, link, remove);
  }
}

/** What is searched for at an address. */
export const textOf = (address) => fromAddress(address.slice(1)).q;
