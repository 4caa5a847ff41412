
(() => {
  for (const figure of document.querySelectorAll("figure.matrix")) {
    const data = JSON.parse(figure.querySelector("script.cells").textContent);
    const sheet = figure.querySelector(".sheet"), plot = figure.querySelector(".plot");
    const above = figure.querySelectorAll(".above text"), left = figure.querySelectorAll(".left text");
    const words = new Map(data.cells.map(([row, column, n]) => [row * data.columns.length + column, n]));
    const readout = make("p", { class: "readout", "aria-live": "polite" }, "Point at a cell, or move with the arrow keys.");
    sheet.before(readout);
    sheet.setAttribute("aria-label", figure.querySelector("h3").textContent + ": arrow keys read");
    sheet.removeAttribute("aria-labelledby");
    const across = draw("rect", { class: "cross" }), along = draw("rect", { class: "cross" }), here = draw("rect", { class: "here" });
    let at = null;
    const show = (row, column, follow) => {
      const [rows, columns, unit] = [data.rows.length, data.columns.length, data.units];
      at = [Math.max(0, Math.min(rows - 1, row)), Math.max(0, Math.min(columns - 1, column))];
      const [r, c] = at;
      for (const text of figure.querySelectorAll("text.on")) text.classList.remove("on");
      above[c]?.classList.add("on");
      left[r]?.classList.add("on");
      const set = (rect, x, y, width, height) => Object.entries({ x, y, width, height }).forEach(([key, value]) => rect.setAttribute(key, value));
      set(across, 0, r * unit, columns * unit, unit);
      set(along, c * unit, 0, unit, rows * unit);
      set(here, c * unit, r * unit, unit, unit);
      if (!here.isConnected) plot.append(across, along, here);
      readout.textContent = `${data.rows[r]} \u2192 ${data.columns[c]}: ${words.get(r * columns + c) ?? "nothing"}`;
      if (follow) {
        const box = plot.getBoundingClientRect(), view = sheet.getBoundingClientRect(), cell = box.width / columns;
        const edgeX = figure.querySelector(".left").offsetWidth, edgeY = figure.querySelector(".above").getBoundingClientRect().height;
        const x = box.left + c * cell - view.left, y = box.top + r * cell - view.top;
        if (x < edgeX) sheet.scrollLeft -= edgeX - x; else if (x + cell > view.width) sheet.scrollLeft += x + 2 * cell - view.width;
        if (y < edgeY) sheet.scrollTop -= edgeY - y; else if (y + cell > view.height) sheet.scrollTop += y + 2 * cell - view.height;
      }
    };
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      show(Math.floor((event.clientY - box.top) / box.height * data.rows.length), Math.floor((event.clientX - box.left) / box.width * data.columns.length), false);
    });
    sheet.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (at === null) show(0, 0, true); else show(at[0] + step[0], at[1] + step[1], true);
    });
  }
})();
