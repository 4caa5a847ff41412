
(() => {
  // Rows that a table shows before it is asked for more, and rows from which a table has a filter.
  const SHOWN = 100, MORE = 500, LONG = 20;

  // Names of files break behind their folders first.
  const breakable = (words) => words.split(/(?<=\/)/).flatMap((part, n) => n > 0 ? [make("wbr"), part] : [part]);
  const cellOf = (value, isRight) => {
    const td = make("td", { class: isRight ? "r" : null });
    if (typeof value === "string") td.textContent = value;
    else if (Array.isArray(value)) { td.textContent = value[0]; td.dataset.v = value[1]; }
    else if (value.k === "link") td.append(make("a", { href: value.h }, ...breakable(value.t)));
    else if (value.k === "cmd") { td.append(make("code", { class: "cmd" }, value.t)); copyable(td.firstChild); }
    else if (value.k === "path" || value.k === "aside") td.append(make("span", { class: value.k }, ...breakable(value.t)));
    else if (value.k === "problem") td.append(make("strong", { class: "problem" }, value.t));
    else if (value.k === "bar") {
      const svg = draw("svg", { class: "bar", viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" });
      svg.append(draw("rect", { width: value.v > 0 ? Math.max(0.5, Math.min(100, value.v * 100)) : 0, height: 1 }));
      td.append(svg);
      td.dataset.v = value.v;
    } else if (value.k === "level") {
      const svg = draw("svg", { class: "shape " + value.t, "aria-hidden": "true" });
      svg.append(draw("use", { href: "#shape-" + value.t }));
      td.append(make("span", { class: "level " + value.t }, svg, value.t));
      td.dataset.v = value.v;
    }
    return td;
  };
  const keyOf = (value) => Array.isArray(value) ? Number(value[1]) : typeof value === "object" ? (value.v ?? value.t) : value;
  const wordsOf = (value) => Array.isArray(value) ? value[0] : typeof value === "object" ? value.t : value;

  // Numbers by size, words as people count in them; nothing comes last whichever way.
  const words = new Intl.Collator("en", { numeric: true });
  const compare = (a, b, sign) => {
    const noA = a === "" || a === undefined, noB = b === "" || b === undefined;
    if (noA || noB) return noA - noB;
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * words.compare(String(a), String(b));
  };

  for (const table of document.querySelectorAll("table")) {
    const box = table.parentElement, body = table.tBodies[0];
    const island = box.parentElement.querySelector(":scope > script.rows");
    const heads = [...table.tHead.rows[0].cells];
    const rights = heads.map((_, n) => body.rows[0]?.cells[n]?.classList.contains("r") ?? false);
    const rows = [...body.rows].map((tr) => ({ tr,
      key: (n) => { const td = tr.cells[n]; return td.dataset.v !== undefined ? Number(td.dataset.v) : td.textContent; },
      text: () => [...tr.cells].map((td) => td.textContent).join("\u0001") }));
    const load = () => {
      if (!island || island.done) return;
      island.done = true;
      for (const data of JSON.parse(island.textContent)) {
        rows.push({ tr: null, data, key: (n) => keyOf(data[n]), text: () => data.map(wordsOf).join("\u0001") });
      }
      island.remove();
    };
    load();
    const element = (row) => row.tr ??= make("tr", {}, ...row.data.map((value, n) => cellOf(value, rights[n])));

    let order = rows.slice(), shown = SHOWN, wanted = "";
    const more = make("div", { class: "more" });
    const told = make("output", {});
    const show = () => {
      const fit = wanted === "" ? order : order.filter((row) => (row.low ??= row.text().toLowerCase()).includes(wanted));
      body.replaceChildren(...fit.slice(0, shown).map(element));
      more.replaceChildren();
      const left = fit.length - shown;
      if (left > 0) {
        const step = Math.min(left, MORE);
        more.append(make("span", {}, `${grouped(shown)} of ${grouped(fit.length)} rows`),
          make("button", { type: "button", onclick: () => { shown += MORE; show(); } }, `Show ${grouped(step)} more`));
        if (left > MORE) more.append(make("button", { type: "button", onclick: () => { shown = Infinity; show(); } }, "Show all"));
      }
      told.textContent = wanted === "" ? `${grouped(rows.length)} rows` : `${grouped(fit.length)} of ${grouped(rows.length)} rows`;
    };

    if (rows.length > 1) heads.forEach((th, n) => {
      if (th.tagName !== "TH") return;
      const button = make("button", { type: "button" }, ...th.childNodes);
      th.replaceChildren(button);
      button.addEventListener("click", () => {
        const now = th.getAttribute("aria-sort");
        // Numbers are first sorted the largest first, words the other way.
        const first = rows.some((row) => typeof row.key(n) === "number") ? "descending" : "ascending";
        const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        th.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        order = rows.map((row, at) => [row.key(n), at, row]).sort((a, b) => compare(a[0], b[0], sign) || a[1] - b[1]).map((one) => one[2]);
        show();
      });
    });
    if (rows.length > LONG) {
      box.classList.add("tall");
      const input = make("input", { type: "search", oninput: () => { wanted = input.value.trim().toLowerCase(); show(); } });
      const name = document.getElementById(table.getAttribute("aria-labelledby"))?.textContent ?? "rows";
      input.setAttribute("aria-label", "Filter " + name);
      box.before(make("div", { class: "tools" }, make("label", {}, "Filter", input), told));
      told.setAttribute("aria-live", "polite");
      box.after(more);
      box.parentElement.querySelector(":scope > .rest")?.remove();
    }
    if (rows.length > LONG) show();
  }

  // What a number is in full, where it is shown in short.
  document.addEventListener("mouseover", (event) => {
    const td = event.target.closest?.("td[data-v]");
    if (td && !td.title && /^-?\d{4,15}$/.test(td.dataset.v)) {
      const full = grouped(Number(td.dataset.v));
      if (/B$/.test(td.textContent)) td.title = full + " bytes";
      else if (/s$|[smhd] \d/.test(td.textContent)) td.title = full + " ns";
    }
  });
})();
