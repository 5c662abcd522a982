// What the page does beyond being read: colours, sorting, panels. Nothing of it is needed to read the page.
"use strict";

// Colours: as the system says, until the reader chooses.
(() => {
  const root = document.documentElement;
  const button = document.querySelector(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.colours ? root.dataset.colours === "dark" : system.matches);
  const tell = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  button.addEventListener("click", () => {
    root.dataset.colours = isDark() ? "light" : "dark";
    tell();
  });
  system.addEventListener("change", tell);
  button.hidden = false;
  tell();
})();

// Tables: a click on a column's name sorts by it, upwards, downwards, then as it was.
for (const table of document.querySelectorAll("table.sortable")) {
  const bodies = [...table.tBodies];
  const original = bodies.map((body) => [...body.rows]);
  const rows = original.flat().filter((row) => !row.classList.contains("group"));
  if (rows.length < 2) continue;
  const heads = [...table.tHead.rows[0].cells];
  // A number counts by its value, and what begins with none comes last, as words.
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim().replaceAll("\u202f", "").replace("−", "-");
    const number = /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?(?![\w.])/.exec(text);
    return { number: number ? Number(number[0]) : null, text };
  };
  const compare = (a, b) => {
    if (a.number !== null && b.number !== null) return a.number - b.number;
    if (a.number !== null || b.number !== null) return a.number === null ? 1 : -1;
    return a.text.localeCompare(b.text, "en", { numeric: true });
  };
  const sort = (column, direction) => {
    for (const head of heads) head.removeAttribute("aria-sort");
    if (direction === "none") {
      bodies.forEach((body, place) => body.append(...original[place]));
      return;
    }
    heads[column].setAttribute("aria-sort", direction);
    const keyed = rows.map((row) => ({ row, key: value(row, column) }));
    const sign = direction === "ascending" ? 1 : -1;
    keyed.sort((a, b) => {
      const absent = (a.key.text === "–") - (b.key.text === "–");
      return absent || sign * compare(a.key, b.key);
    });
    // Sorted rows leave their groups: every group's name comes after them, out of sight.
    for (const row of original.flat()) row.remove();
    bodies[0].append(...keyed.map(({ row }) => row));
  };
  heads.forEach((head, column) => {
    if (head.tagName !== "TH") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" };
      sort(column, next[head.getAttribute("aria-sort")] ?? "ascending");
    });
  });
}

// Panels: one at a time, those that the reader chose.
for (const viewer of document.querySelectorAll(".viewer")) {
  const panels = [...viewer.querySelectorAll("[data-panel]")];
  const facts = panels.map((panel) => JSON.parse(panel.dataset.panel));
  const selects = [...viewer.querySelectorAll("select")];
  const find = (name) => viewer.querySelector(name);
  const [previous, next, every, place, none] = [".previous", ".next", ".every", "output", ".none"].map(find);
  let fitting = panels;
  let shown = 0;
  let all = false;
  const fits = ({ model, method, photograph, labels, misses, alarms }) => {
    const chosen = Object.fromEntries(selects.map((select) => [select.name, select.value]));
    if (chosen.model && chosen.model !== model) return false;
    if (chosen.method && chosen.method !== method) return false;
    if (chosen.photograph && chosen.photograph !== photograph) return false;
    const label = chosen.label;
    if (label && !labels.includes(label)) return false;
    const among = (wrong) => (label ? wrong.includes(label) : wrong.length > 0);
    switch (chosen.answers) {
      case "errors": return among(misses) || among(alarms);
      case "misses": return among(misses);
      case "alarms": return among(alarms);
      case "right": return !among(misses) && !among(alarms);
      default: return true;
    }
  };
  const show = () => {
    shown = Math.max(0, Math.min(shown, fitting.length - 1));
    for (const panel of panels) panel.hidden = !(all ? fitting.includes(panel) : panel === fitting[shown]);
    const count = fitting.length;
    none.hidden = count > 0;
    place.textContent = all || !count ? `${count} of ${panels.length}` : `${shown + 1} of ${count}`;
    previous.disabled = all || shown === 0;
    next.disabled = all || shown >= count - 1;
    every.setAttribute("aria-pressed", all);
  };
  const step = (by) => {
    if (all) return;
    const held = document.activeElement;
    shown += by;
    show();
    // A button that was just disabled would drop the focus, and with it the arrow keys.
    if (held.disabled) viewer.focus({ preventScroll: true });
  };
  for (const select of selects) {
    select.addEventListener("change", () => {
      fitting = panels.filter((_, number) => fits(facts[number]));
      shown = 0;
      show();
    });
  }
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  every.addEventListener("click", () => { all = !all; show(); });
  viewer.addEventListener("keydown", (event) => {
    if (event.target.tagName === "SELECT" || event.altKey || event.ctrlKey || event.metaKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  viewer.tabIndex = 0;
  find(".controls").hidden = false;
  show();
}

// What is wider than the page can be scrolled with the keyboard too.
const reach = () => {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "scrolls sideways");
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
};
addEventListener("resize", reach);
reach();

// The contents say where the reader is.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const headings = [...document.querySelectorAll("h2, h3")].filter((heading) => links.has(heading.id));
const follow = () => {
  const passed = headings.filter((heading) => heading.getBoundingClientRect().top < innerHeight / 3);
  const current = passed.length ? links.get(passed[passed.length - 1].id) : null;
  for (const link of links.values()) {
    if (link === current) link.setAttribute("aria-current", "location");
    else link.removeAttribute("aria-current");
  }
};
addEventListener("scroll", follow, { passive: true });
follow();
