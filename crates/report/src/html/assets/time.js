
(() => {
  const HEIGHT = 200, FEWEST = 4;
  const SECOND = 1000, DAY = 86400 * SECOND;
  const WIDTHS = [1, 2, 5, 10, 20, 50, 100, 200, 500, ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200].map((s) => s * SECOND), DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, ...[1, 2, 5, 10, 20, 50].map((years) => years * 365 * DAY)];
  const iso = (ms) => { const at = new Date(ms); return Number.isNaN(at.getTime()) ? "" : at.toISOString(); };
  const scaled = (n, unit) => {
    let prefix = "";
    for (const next of ["k", "M", "G", "T", "P"]) { if (n < 1000) break; n /= 1000; prefix = next; }
    return `${parseFloat(n.toPrecision(3))} ${prefix}${unit}`.trimEnd();
  };
  const scale = (most) => {
    if (!(most > 0)) return [1, 1];
    const rough = most / 4, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
    return [step, step * Math.ceil(most / step)];
  };
  const clock = (ms, width) => width < SECOND ? iso(ms).slice(11, 23) : width < 60 * SECOND ? iso(ms).slice(11, 19) : iso(ms).slice(11, 16);

  for (const figure of document.querySelectorAll("figure.time")) {
    const data = JSON.parse(figure.querySelector("script.steps").textContent);
    const [unitX, unitY] = data.units;
    const factor = (data.bytes ? 8 : 1) * 1000 / data.step, unit = data.bytes ? "bit/s" : "";
    const sum = (at) => data.values.reduce((all, layer) => all + (layer[at] ?? 0), 0);
    const canvas = figure.querySelector(".canvas"), plot = canvas.querySelector(".plot");
    const grid = canvas.querySelector(".grid"), xs = canvas.querySelector(".xs"), ys = figure.querySelector(".ys");
    const name = figure.querySelector("h3").textContent;
    let from = 0, to = data.steps, at = null;

    const readout = figure.querySelector(".span"), resting = readout.textContent;
    readout.classList.add("readout");
    readout.setAttribute("aria-live", "polite");
    const button = (words, label, onclick) => make("button", { type: "button", "aria-label": label, onclick }, words);
    const nearer = button("+", "Zoom in", () => zoom(0.5)), farther = button("\u2212", "Zoom out", () => zoom(2));
    const earlier = button("\u2190", "Earlier", () => move(-0.5)), later = button("\u2192", "Later", () => move(0.5));
    const all = button("All", "Show all", () => look(0, data.steps));
    const brush = make("div", { class: "brush", hidden: "" }), cursor = make("div", { class: "cursor", hidden: "" });
    canvas.append(brush, cursor);
    canvas.classList.add("live");
    canvas.setAttribute("tabindex", "0");
    canvas.setAttribute("role", "group");
    canvas.setAttribute("aria-label", name + ": arrow keys read, plus and minus zoom, 0 shows all");
    figure.querySelector(".frame").before(make("div", { class: "tools" }, nearer, farther, earlier, later, all,
      make("span", { class: "dim" }, "or drag over a part")));

    const look = (a, b) => {
      const width = Math.max(Math.min(FEWEST, data.steps), Math.min(data.steps, Math.round(b - a)));
      from = Math.max(0, Math.min(data.steps - width, Math.round(a)));
      to = from + width;
      let most = 0;
      for (let n = from; n < to; n++) most = Math.max(most, sum(n));
      const [tick, top] = scale(most * factor);
      const high = top / (data.bytes ? 8 : 1) / data.top * unitY;
      plot.setAttribute("viewBox", `${from * unitX} ${unitY - high} ${width * unitX} ${high}`);
      const ticks = Math.round(top / tick);
      grid.replaceChildren();
      ys.replaceChildren();
      for (let n = 0; n <= ticks; n++) {
        const y = HEIGHT * (1 - n / ticks);
        grid.append(draw("line", { x1: "0", x2: "100%", y1: y + 8, y2: y + 8 }));
        ys.append(draw("text", { x: "100%", y: y + 12 }, scaled(n * tick, unit)));
      }
      const begin = data.start + from * data.step, span = width * data.step;
      const gap = WIDTHS.find((n) => span / n < 7) ?? span;
      xs.replaceChildren();
      for (let ms = Math.ceil(begin / gap) * gap, n = 0; ms < begin + span && n < 9; ms += gap, n++) {
        const x = (ms - begin) / span * 100;
        const g = draw("g", n % 2 ? { class: "alt" } : {});
        const words = gap >= DAY ? iso(ms).slice(0, 10) : (data.steps * data.step > DAY ? iso(ms).slice(5, 10) + " " : "") + clock(ms, gap);
        g.append(draw("line", { x1: x + "%", x2: x + "%", y2: 4 }), draw("text", { x: x + "%", y: 16, ...(x < 4 ? { class: "first" } : x > 96 ? { class: "last" } : {}) }, words));
        xs.append(g);
      }
      nearer.disabled = width <= Math.min(FEWEST, data.steps);
      farther.disabled = all.disabled = width === data.steps;
      earlier.disabled = from === 0;
      later.disabled = to === data.steps;
      read(at);
    };
    const zoom = (by) => {
      const middle = at !== null && at >= from && at < to ? at + 0.5 : (from + to) / 2, width = (to - from) * by;
      const part = (middle - from) / (to - from);
      look(middle - width * part, middle + width * (1 - part));
    };
    const move = (by) => look(from + (to - from) * by, to + (to - from) * by);
    const read = (step) => {
      at = step === null ? null : Math.max(0, Math.min(data.steps - 1, step));
      cursor.hidden = at === null || at < from || at >= to;
      if (at === null) { readout.textContent = resting; return; }
      cursor.style.left = `${(at + 0.5 - from) / (to - from) * 100}%`;
      const parts = data.values.map((layer, n) => [data.names[n], layer[at] ?? 0]).filter((one) => one[1] > 0);
      const told = parts.length === 0 ? "nothing" : parts.map(([layer, n]) => (data.values.length > 1 ? layer + " " : "") + scaled(n * factor, unit)).join(" \u00b7 ");
      const total = parts.length > 1 ? ` \u00b7 in all ${scaled(sum(at) * factor, unit)}` : "";
      const packets = data.packets ? ` \u00b7 ${grouped(data.packets[at] ?? 0)} packets` : "";
      const when = iso(data.start + at * data.step);
      readout.textContent = `${data.step % 1000 === 0 && data.start % 1000 === 0 ? when.slice(0, 19) + "Z" : when}: ${told}${total}${packets}`;
    };
    const stepAt = (event) => {
      const box = plot.getBoundingClientRect();
      return from + Math.max(0, Math.min(0.9999, (event.clientX - box.left) / box.width)) * (to - from);
    };

    let down = null;
    canvas.addEventListener("pointerdown", (event) => { if (event.button === 0) { down = stepAt(event); canvas.setPointerCapture(event.pointerId); } });
    canvas.addEventListener("pointermove", (event) => {
      const here = stepAt(event);
      read(Math.floor(here));
      if (down === null) return;
      const [a, b] = [Math.min(down, here), Math.max(down, here)];
      brush.hidden = false;
      brush.style.left = `${(a - from) / (to - from) * 100}%`;
      brush.style.width = `${(b - a) / (to - from) * 100}%`;
    });
    const end = (event) => {
      if (down !== null && event.type === "pointerup") {
        const here = stepAt(event), [a, b] = [Math.min(down, here), Math.max(down, here)];
        if ((b - a) / (to - from) > 0.01) look(Math.floor(a), Math.ceil(b));
      }
      down = null;
      brush.hidden = true;
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => { if (down === null) read(null); });
    canvas.addEventListener("dblclick", () => look(0, data.steps));
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const jump = event.shiftKey ? Math.max(1, Math.round((to - from) / 10)) : 1;
      const keys = {
        ArrowLeft: () => { const next = Math.max(0, (at ?? to) - jump); if (next < from) move(-0.5); read(next); },
        ArrowRight: () => { const next = Math.min(data.steps - 1, (at ?? from - 1) + jump); if (next >= to) move(0.5); read(next); },
        Home: () => read(from), End: () => read(to - 1),
        "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => look(0, data.steps), Escape: () => look(0, data.steps),
      };
      const does = keys[event.key];
      if (does) { event.preventDefault(); does(); }
    });
    look(0, data.steps);
  }
})();
