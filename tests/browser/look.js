// Opens pages of a report in headless Chromium and tells what it saw.
//
//     node look.js OUT PAGE.html…
//
// Writes OUT/<page>-<view>.png for each view and prints one JSON array with a verdict for each page: `wrong` lists what
// must not be, `seen` counts what was tried, `usable_ms` is the time from asking for the page until its script was done.
// CAPKEEP_TEST_BROWSER names the folder with playwright-core and axe-core.

"use strict";
const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");

const modules = createRequire(path.resolve(process.env.CAPKEEP_TEST_BROWSER ?? ".", "look.js"));
const { chromium } = modules("playwright-core");
const axe = fs.readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

const DESKTOP = { width: 1366, height: 850 };
const VIEWS = [
  { name: "desktop", context: { viewport: DESKTOP, colorScheme: "light" } },
  { name: "dark", context: { viewport: DESKTOP, colorScheme: "dark" } },
  { name: "phone", context: { viewport: { width: 390, height: 844 }, colorScheme: "light", hasTouch: true, isMobile: true, deviceScaleFactor: 2 } },
  { name: "print", context: { viewport: { width: 794, height: 1123 }, colorScheme: "dark" } },
  { name: "plain", context: { viewport: DESKTOP, javaScriptEnabled: false } },
];
// Higher pictures are cut (Chromium draws at most 16,384 pixels).
const HIGHEST = 7000;

/** Every column of every table, both ways. */
const sort = () => {
  const wrong = [];
  let sorted = 0;
  for (const th of document.querySelectorAll("th:has(button)")) {
    const table = th.closest("table"), at = [...th.parentElement.cells].indexOf(th);
    const values = () => [...table.tBodies[0].rows].map((tr) => tr.cells[at]).map((td) => td.dataset.v === undefined ? td.textContent : Number(td.dataset.v));
    const words = new Intl.Collator("en", { numeric: true });
    for (let round = 0; round < 2; round++) {
      th.querySelector("button").click();
      const way = th.getAttribute("aria-sort"), sign = way === "ascending" ? 1 : way === "descending" ? -1 : NaN;
      const all = values(), some = all.filter((value) => value !== "");
      const ordered = some.every((value, n) => n === 0 || sign * (typeof value === "number" ? some[n - 1] - value : words.compare(some[n - 1], value)) <= 0);
      const last = all.slice(some.length).every((value) => value === "");
      if (!ordered || !last) wrong.push(`${th.textContent} is not sorted ${way}`);
      sorted++;
    }
    if (table.querySelectorAll("[aria-sort]").length !== 1) wrong.push(`${th.textContent}: more than one column is sorted`);
  }
  return { wrong, sorted };
};

/** Every filter, by words of a row and by words that no row has. */
const filter = () => {
  const wrong = [];
  let filtered = 0;
  for (const input of document.querySelectorAll("input[type=search]")) {
    const rows = () => [...input.closest(".tools").parentElement.querySelector("table").tBodies[0].rows];
    const all = rows().length;
    const type = (words) => { input.value = words; input.dispatchEvent(new Event("input")); };
    const words = rows()[all - 1].cells[0].textContent;
    type(words);
    const left = rows();
    if (left.length === 0 || !left.every((tr) => tr.textContent.toLowerCase().includes(words.trim().toLowerCase()))) wrong.push(`filter by ${words}: ${left.length} rows`);
    type("no row says this");
    if (rows().length > 0) wrong.push("a filter that fits nothing shows rows");
    type("");
    if (rows().length !== all) wrong.push("not all rows come back");
    filtered++;
  }
  return { wrong, filtered };
};

/** What names from captures must not have become. */
const harm = () => {
  const wrong = [];
  if (window.harmed !== undefined) wrong.push(`a name was run: ${window.harmed}`);
  const scripts = [...document.querySelectorAll("script")].filter((one) => one.type !== "application/json");
  if (scripts.length !== 1) wrong.push(`${scripts.length} scripts`);
  for (const selector of ["img", "iframe", "object", "embed", "form", "base", "[style*=url]", "link:not([href='data:,'])", "[onerror],[onload],[onmouseover],[onclick]"]) {
    if (document.querySelector(selector)) wrong.push(`there is ${selector}`);
  }
  for (const a of document.querySelectorAll("a[href]")) {
    const here = location.href.replace(/[^/]*$/, "").replace(/[^/]*\/$/, "");
    if (!a.href.startsWith(here)) wrong.push(`a link leads to ${a.href}`);
  }
  const hidden = document.body.innerText.match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u);
  if (hidden) wrong.push(`a mark that hides or reorders is shown: ${hidden[0].codePointAt(0).toString(16)}`);
  return wrong;
};

const audit = async (page, view, wrong) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, impact, nodes } of violations) {
    wrong.push(`${view}: axe ${id} (${impact}), ${nodes.length} times: ${nodes[0].target.join(" ")}: ${(nodes[0].any[0] ?? nodes[0].all[0] ?? nodes[0].none[0])?.message ?? nodes[0].failureSummary}`);
  }
};

const zoom = async (page, wrong) => {
  let zoomed = 0;
  for (const figure of await page.$$("figure.time")) {
    const box = () => figure.$eval(".plot", (plot) => plot.getAttribute("viewBox"));
    const whole = await box();
    const steps = await figure.$eval("script.steps", (script) => JSON.parse(script.textContent).steps);
    if (steps < 8) continue;
    await figure.scrollIntoViewIfNeeded();
    await figure.$eval(".tools button", (button) => button.click());
    if (await box() === whole) wrong.push("a button does not zoom");
    const canvas = await figure.$(".canvas");
    await canvas.focus();
    await page.keyboard.press("ArrowRight");
    if (!await figure.$eval(".readout", (p) => p.textContent)) wrong.push("the arrow keys read nothing");
    await page.keyboard.press("0");
    if (await box() !== whole) wrong.push("a key does not zoom back");
    const { x, y, width } = await canvas.boundingBox();
    await page.mouse.move(x + width * 0.4, y + 100);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.5, y + 90, { steps: 4 });
    await page.mouse.up();
    if (await box() === whole) wrong.push("dragging does not zoom");
    await page.mouse.dblclick(x + width * 0.5, y + 100);
    if (await box() !== whole) wrong.push("a double click does not zoom back");
    zoomed++;
  }
  return zoomed;
};

const copy = async (page, wrong) => {
  const button = await page.$(".copy");
  if (!button) return 0;
  const words = await button.evaluate((one) => one.previousElementSibling.textContent);
  await button.click();
  await page.waitForFunction((one) => one.textContent !== "Copy", button);
  const said = await button.textContent();
  const copied = await page.evaluate(() => navigator.clipboard.readText()).catch(() => null);
  if (said !== "Copied" || (copied !== null && copied !== words)) wrong.push(`copying: ${said}, ${copied}`);
  return 1;
};

const look = async (browser, out, file) => {
  const wrong = [], seen = {};
  const url = pathToFileURL(path.resolve(file)).href, name = path.basename(file, ".html");
  let usable = 0;
  for (const view of VIEWS) {
    const context = await browser.newContext(view.context);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => {});
    const page = await context.newPage();
    const say = (what) => wrong.push(`${view.name}: ${what}`);
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) say(`console: ${message.text()}`); });
    page.on("pageerror", (error) => say(`error: ${error.message}`));
    page.on("dialog", (dialog) => { say(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => { if (request.url() !== url && request.url() !== "data:,") say(`request: ${request.url()}`); });
    await page.goto(url, { waitUntil: "load" });
    if (view.name === "desktop") {
      usable = Number(await page.evaluate(() => document.documentElement.dataset.ready));
      if (!(usable >= 0)) say("the script was not done");
    }
    if (view.name === "print") await page.emulateMedia({ media: "print" });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const size = view.context.viewport;
    await page.screenshot({ path: path.join(out, `${name}-${view.name}-top.png`) });
    await page.screenshot({ path: path.join(out, `${name}-${view.name}.png`), fullPage: true, clip: { x: 0, y: 0, width: size.width, height: Math.min(height, HIGHEST) } });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    // A part of a pixel rounds up.
    if (wide > size.width + 1) say(`the page is ${wide} pixels wide`);
    if (view.name === "plain") {
      const bare = await page.evaluate(() => [...document.querySelectorAll(".chapter")].filter((one) => one.innerText.length < 20).length);
      if (bare > 0) say(`${bare} chapters are empty without JavaScript`);
      seen.chapters = await page.evaluate(() => document.querySelectorAll(".chapter").length);
    } else if (view.name !== "print") {
      await audit(page, view.name, wrong);
    }
    if (view.name === "desktop") {
      for (const details of await page.$$("details")) await details.evaluate((one) => { one.open = true; });
      await audit(page, "opened", wrong);
      seen.zoomed = await zoom(page, wrong);
      seen.copied = await copy(page, wrong);
      for (const [what, does] of [["sorted", sort], ["filtered", filter]]) {
        const found = await page.evaluate(does);
        seen[what] = found[what];
        found.wrong.forEach(say);
      }
      const color = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const before = await color();
      await page.click(".theme");
      if (await color() === before) say("the button changes no colours");
      for (const more of await page.$$(".more button:last-child")) await more.click().catch(() => {});
    }
    (await page.evaluate(harm)).forEach(say);
    if (view.name === "print") seen.pages = (await page.pdf({ path: path.join(out, `${name}.pdf`), format: "A4" })).toString("latin1").match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    await context.close();
  }
  return { page: name, bytes: fs.statSync(file).size, usable_ms: usable, seen, wrong };
};

(async () => {
  const [out, ...files] = process.argv.slice(2);
  fs.mkdirSync(out, { recursive: true });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const verdicts = [];
  for (const file of files) verdicts.push(await look(browser, out, file));
  await browser.close();
  console.log(JSON.stringify(verdicts, null, 1));
})().catch((error) => { console.error(error); process.exit(1); });
