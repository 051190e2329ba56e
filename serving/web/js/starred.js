// Searches that a person starred, kept in this browser as addresses, the latest first.
import { button, byId, element } from "./dom.js";
import { chipText } from "./filters.js";
import { EMPTY, filtersOf, fromAddress, toAddress } from "./state.js";
import { say } from "./words.js";

const PLACE = "wenshi.starred";
const MOST_STARRED = 30;

/** Keeps `#star` and `#starred` in step with the storage. `open(state)` is called with the search that was chosen. */
export class Starred {
  constructor({ open }) {
    this.open = open;
    this.state = EMPTY;
    byId("star").addEventListener("click", () => this.toggle(addressOf(this.state)));
    window.addEventListener("storage", (event) => (event.key === PLACE || event.key === null) && this.show(this.state));
  }

  /** What is searched for changed, or the language did. */
  show(state) {
    this.state = state;
    const kept = read();
    const isStarred = kept.includes(addressOf(state));
    byId("star").hidden = !state.q;
    byId("star").setAttribute("aria-pressed", String(isStarred));
    byId("star").setAttribute("aria-label", say(isStarred ? "unstar" : "star"));
    byId("star").title = say(isStarred ? "unstar" : "star");
    byId("starred").hidden = !kept.length;
    byId("starred").replaceChildren(element("span", { "aria-hidden": "true" }, say("starred")), ...kept.map((one) => this.chip(one)));
  }

  toggle(address) {
    const kept = read();
    const others = kept.filter((one) => one !== address);
    write(others.length < kept.length ? others : [address, ...others].slice(0, MOST_STARRED));
    this.show(this.state);
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
    const remove = button({ name: "close", label: say("unstarOne", text), kind: "tool", onClick: () => {
      this.toggle(address);
      (byId("starred").querySelector("a") ?? byId("q")).focus();
    } });
    return element("span", { class: "chip pair" }, link, remove);
  }
}

const addressOf = (state) => toAddress({ ...state, count: EMPTY.count, video: null, time_ms: null, view: "cards" });

/** What is there; anything that this page could not have written is left out. */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return found.filter((one) => typeof one === "string" && one.startsWith("/?") && fromAddress(one.slice(1)).q);
  } catch { // storage may be forbidden
    return [];
  }
}

function write(addresses) {
  try { localStorage.setItem(PLACE, JSON.stringify(addresses)); } catch { /* then nothing is starred */ }
}
