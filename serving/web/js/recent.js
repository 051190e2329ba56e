// The last searches of this browser.
import { addressOf, Kept, textOf } from "./kept.js";

/** Keeps `#recent` in step with the storage. `isIn()`: whether the service has let this person in; before that none is seen. */
export class Recent {
  constructor({ open, isIn }) {
    this.isIn = isIn;
    this.kept = new Kept({ name: "recent", most: 8, open, onChange: () => this.show() });
  }

  /** The list, or the language or whether the person is let in, may have changed. */
  show() {
    this.kept.show({ hide: !this.isIn() });
  }

  /** A search was answered. Of a text only the last search is kept, with the filters it then had. */
  add(state) {
    if (state.q) this.kept.write([addressOf(state), ...this.kept.read().filter((one) => textOf(one) !== state.q)]);
  }
}
