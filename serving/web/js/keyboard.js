// Shortcuts. Letters and signs do nothing while somebody types.
import { byId, takesText } from "./dom.js";
import { showKeys } from "./panels.js";

/** player: the open video; `onStep(±1)`, `onSimilar()` act on it or on the card in focus. */
export function listenToKeys({ player, onStep, onSimilar }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || takesText(event.target)) return;
    const act = byId("panel").open ? null : player.isOpen ? inPlayer(event, { player, onStep, onSimilar }) : inPage(event, onSimilar);
    if (!act) return;
    event.preventDefault();
    act();
  });
  byId("q").addEventListener("keydown", (event) => {
    if (event.key === "Escape") byId("q").blur();
    else if (event.key === "ArrowDown" && !event.isComposing && cards().length) {
      event.preventDefault();
      cards()[0].focus();
    }
  });
}

function inPlayer(event, { player, onStep, onSimilar }) {
  // Space on a button presses it, and the browser's own controls know their keys.
  if (event.key === " ") return event.target.closest("button, a, summary, video") ? null : () => player.toggle();
  return {
    "[": () => player.step(-1), "]": () => player.step(1), ",": () => player.frame(-1), ".": () => player.frame(1),
    j: () => player.skip(-1), l: () => player.skip(1),
    p: () => onStep(-1), n: () => onStep(1), f: onSimilar, k: () => player.toggle(), "?": showKeys,
  }[event.key];
}

function inPage(event, onSimilar) {
  const here = document.activeElement?.closest?.(".open");
  if (event.key === " ") return here ? () => here.click() : null;
  if (event.key === "f") return here ? onSimilar : null;
  if (event.key === "/") return () => byId("q").select();
  if (event.key === "?") return showKeys;
  const to = neighbour(event.key, here);
  return to && (() => {
    to.focus();
    to.closest(".card").scrollIntoView({ block: "nearest" });
  });
}

const cards = () => [...byId("grid").querySelectorAll(".open")];

/** The card that an arrow leads to; from nowhere j and the arrow down lead to the first. */
function neighbour(key, here) {
  const all = cards();
  if (!here) return ["ArrowDown", "j"].includes(key) && document.activeElement === document.body ? all[0] : null;
  const at = all.indexOf(here);
  const top = (one) => one.closest(".card").offsetTop;
  const columns = Math.max(1, all.findIndex((one) => top(one) > top(all[0])));
  const step = { ArrowLeft: -1, ArrowRight: 1, k: -1, j: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  return step && all[at + step];
}
