// The search box: text that may still be composed, and pictures or clips that are picked, dropped or pasted.
import { byId } from "./dom.js";
import { toast } from "./panels.js";
import { say } from "./words.js";

const MOST_BYTES = 64 * 2 ** 20;

/** Calls `onText(text)` and `onFile(file)`. */
export function listenToBox({ onText, onFile }) {
  const input = byId("q");
  let composing = false;
  input.addEventListener("compositionstart", () => { composing = true; });
  input.addEventListener("compositionend", () => { composing = false; });
  input.addEventListener("keydown", (event) => {
    // Some browsers end the composition before the Enter that confirmed it: then only the key code 229 tells.
    if (event.key === "Enter" && (composing || event.isComposing || event.keyCode === 229)) event.preventDefault();
  });
  byId("box").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!composing) onText(input.value);
  });
  byId("pick").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    take([...event.target.files], onFile);
    event.target.value = "";        // so that the same file can be picked again
  });
  listenToDrops(onFile);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    take(files, onFile);
  });
}

function listenToDrops(onFile) {
  const holds = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const shade = byId("drop");
  let inside = 0;
  document.addEventListener("dragenter", (event) => {
    if (!holds(event)) return;
    inside += 1;
    shade.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (holds(event) && --inside <= 0) shade.hidden = true;
  });
  document.addEventListener("dragover", (event) => holds(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    inside = 0;
    shade.hidden = true;
    if (!holds(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files], onFile);
  });
}

function take([file], onFile) {
  if (!file) return;
  if (!/^(image|video)\//.test(file.type)) toast(say("notMedia"));
  else if (file.size > MOST_BYTES) toast(say("tooLarge"));
  else onFile(file);
}
