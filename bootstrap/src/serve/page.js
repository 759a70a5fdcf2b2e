// Follows what one types: asks for the page with the present answers, and takes over what has changed in it. Without it, the
// form asks for the page, and links lead to it.
"use strict";

const PAUSE = 250; // ms without a keystroke, before the page is asked for
const form = document.getElementById("answers");
const result = document.getElementById("result");
let asked = new AbortController();
let timer;

/** The page's address with the present answers, and with the view that is shown. */
function address() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value !== "") query.append(name, value);
  }
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (!form.elements.namedItem(name) && value !== "") query.append(name, value);
  }
  return `${form.action}?${query}`;
}

/** Shows what another page of this kind shows, without leaving this one. Only the last of several is shown. */
async function show(url) {
  asked.abort();
  asked = new AbortController();
  result.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, signal: asked.signal });
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    if (error.name === "AbortError") return;
    document.getElementById("standing").textContent = `The page cannot be had: ${error.message}`;
  }
  result.removeAttribute("aria-busy");
}

function take(page) {
  const folders = [...result.querySelectorAll("details[data-path]")];
  const open = new Set(folders.filter((folder) => folder.open).map((folder) => folder.dataset.path));
  const scrolled = result.querySelector(".tree")?.scrollTop ?? 0;
  const commands = result.querySelector(".commands")?.open;
  result.replaceChildren(...page.getElementById("result").childNodes);
  for (const folder of result.querySelectorAll("details[data-path]")) {
    folder.open ||= open.has(folder.dataset.path);
  }
  result.querySelector(".tree")?.scrollTo(0, scrolled);
  if (commands) result.querySelector(".commands")?.setAttribute("open", "");

  const standing = document.getElementById("standing");
  const said = page.getElementById("standing").textContent;
  if (standing.textContent !== said) standing.textContent = said;
  for (const field of form.querySelectorAll("[name]")) {
    const other = page.getElementById(field.id);
    for (const name of ["aria-invalid", "placeholder"]) {
      const value = other.getAttribute(name);
      if (value === null) field.removeAttribute(name);
      else field.setAttribute(name, value);
    }
    const fault = document.getElementById(`fault-${field.id}`);
    fault.textContent = page.getElementById(fault.id).textContent;
  }
}

function follow() {
  const url = address();
  history.replaceState(null, "", url);
  show(url);
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(follow, PAUSE);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  follow();
});

// Links to other views of the page are followed within it. Others, such as downloads, lead where they lead.
result.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (!link || elsewhere || link.pathname !== new URL(form.action).pathname) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  const inTree = link.closest(".tree") !== null;
  show(link.href).then(() => {
    const again = [...result.querySelectorAll("a")].find((other) => other.href === link.href);
    again?.focus({ preventScroll: true });
    // On a narrow screen the file is below its tree.
    if (inTree && matchMedia("(max-width: 60rem)").matches) result.querySelector(".file")?.scrollIntoView();
  });
});
window.addEventListener("popstate", () => location.reload());

// What was typed before this script was there is an answer as well.
if (new URL(address()).search !== location.search) follow();
