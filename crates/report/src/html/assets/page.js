"use strict";
const make = (name, attributes, ...inside) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null) element.setAttribute(key, value);
  }
  element.append(...inside);
  return element;
};
const draw = (name, attributes, words) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  if (words !== undefined) element.textContent = words;
  return element;
};
const grouped = (n) => n.toLocaleString("en-US");

(() => {
  // Light or dark, remembered where the browser lets a page remember.
  const root = document.documentElement;
  const remember = (theme) => { try { localStorage.setItem("capkeep-theme", theme); } catch { /* not this time */ } };
  const recall = () => { try { return localStorage.getItem("capkeep-theme"); } catch { return null; } };
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const known = recall();
  if (known === "dark" || known === "light") root.dataset.theme = known;
  const button = make("button", { type: "button", class: "theme", onclick: () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    tell();
  } });
  const tell = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours"); };
  tell();
  document.querySelector(".top").append(button);

  // Where in the report the reader is.
  const links = new Map([...document.querySelectorAll(".chapters a")].map((a) => [a.getAttribute("href").slice(1), a]));
  const chapters = [...document.querySelectorAll(".chapter")];
  let waits = false;
  const follow = () => {
    waits = false;
    let now = chapters[0];
    for (const chapter of chapters) if (chapter.getBoundingClientRect().top < innerHeight / 3) now = chapter;
    if (scrollY + innerHeight >= document.documentElement.scrollHeight - 2) now = chapters[chapters.length - 1];
    for (const [id, a] of links) {
      if (!now || id !== now.id) { a.removeAttribute("aria-current"); continue; }
      if (a.hasAttribute("aria-current")) continue;
      a.setAttribute("aria-current", "true");
      // Beside the page the list stands still; above it, it goes along.
      const list = a.closest("nav"), box = list.getBoundingClientRect(), own = a.getBoundingClientRect();
      if (own.left < box.left || own.right > box.right) list.scrollLeft += own.left - box.left - 16;
    }
  };
  if (links.size > 0) {
    addEventListener("scroll", () => { if (!waits) { waits = true; requestAnimationFrame(follow); } }, { passive: true });
    requestAnimationFrame(follow);
  }

  // On paper everything that backs a finding is there.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.evidence:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();

const copyable = (code) => {
  const said = (button, word) => { button.textContent = word; setTimeout(() => { button.textContent = "Copy"; }, 1500); };
  const byHand = (text) => {
    const area = make("textarea", { class: "skip", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  code.after(make("button", { type: "button", class: "copy", "aria-label": "Copy " + code.textContent.slice(0, 80), onclick: async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(code.textContent);
      said(button, "Copied");
    } catch {
      const done = byHand(code.textContent);
      button.focus();
      said(button, done ? "Copied" : "Not copied");
    }
  } }, "Copy"));
};
document.querySelectorAll("code.cmd").forEach(copyable);
