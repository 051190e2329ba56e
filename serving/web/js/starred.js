// Searches that a person starred.
import { byId } from "./dom.js";
import { addressOf, Kept } from "./kept.js";
import { EMPTY } from "./state.js";
import { say } from "./words.js";

/** Keeps `#star` and `#starred` in step with the storage. `open(state)` is called with the search that was chosen. */
export class Starred {
  constructor({ open }) {
    this.kept = new Kept({ name: "starred", most: 30, open, onChange: () => this.show(this.state) });
    this.state = EMPTY;
    byId("star").addEventListener("click", () => this.toggle(addressOf(this.state)));
  }

  /** What is searched for changed, or the language did. */
  show(state) {
    this.state = state;
    const isStarred = this.kept.read().includes(addressOf(state));
    byId("star").hidden = !state.q;
    byId("star").setAttribute("aria-pressed", String(isStarred));
    byId("star").setAttribute("aria-label", say(isStarred ? "unstar" : "star"));
    byId("star").title = say(isStarred ? "unstar" : "star");
    this.kept.show();
  }

  toggle(address) {
    const kept = this.kept.read();
    if (kept.includes(address)) this.kept.remove(address);
    else this.kept.write([address, ...kept]);
  }
}
