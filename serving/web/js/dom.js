// Building elements. Data becomes text nodes and attributes only, never markup.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/**
 * An element with attributes and children.
 *
 * A value of `on` maps event names to listeners; true and false set and leave out an attribute, null leaves it out.
 * Children are elements or texts; null and false are skipped.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** One of the page's icons; it says nothing to a screen reader. */
export const icon = (name) =>
  drawn("svg", { class: "icon", "aria-hidden": "true" }, drawn("use", { href: `#i-${name}` }));

/** A button with an icon, a text, or both. Without a visible text, `label` is its name. */
export function button({ name = null, text = null, label = null, kind = "quiet", onClick, ...attributes }) {
  return element(
    "button",
    { type: "button", class: kind, "aria-label": label, title: text ? null : label, on: { click: onClick }, ...attributes },
    name && icon(name), text,
  );
}

/** Whether the person asked for less motion. */
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Whether typing belongs to this element, so that keys are no shortcuts. */
export const takesText = (target) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
