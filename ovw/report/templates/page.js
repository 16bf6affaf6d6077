"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function theme() {
    const text = dark.matches ? "#e4e7eb" : "#1d2024";
    const line = dark.matches ? "#3a4048" : "#d5d9de";
    return {
      background: "transparent", font: "system-ui, sans-serif", view: { stroke: line },
      axis: { labelColor: text, titleColor: text, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 12, titleFontSize: 12 },
      legend: { labelColor: text, titleColor: text, labelFontSize: 12 },
      rule: { color: text }, text: { color: text },
    };
  }

  async function draw() {
    for (const [name, spec] of Object.entries(read("specs"))) {
      await window.vegaEmbed(document.getElementById(`chart-${name}`), spec, { actions: false, renderer: "svg", config: theme() });
    }
  }

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  /** The aligned words of an utterance: a string where both agree, else [reference, hypothesis]. */
  function diff(steps) {
    const line = element("p");
    for (const step of steps) {
      if (typeof step === "string") { line.append(step + " "); continue; }
      const [reference, hypothesis] = step;
      const marks = [];
      if (reference) marks.push(element("del", reference));
      if (hypothesis) marks.push(element("ins", hypothesis));
      if (marks.length === 2) {
        const both = element("span", undefined, "sub");
        both.append(marks[0], " ", marks[1]);
        line.append(both, " ");
      } else line.append(marks[0], " ");
    }
    return line;
  }

  function utterance(row) {
    const made = element("article", undefined, "utterance");
    const facts = [`${row.errors} of ${row.length} wrong`];
    if (row.duration) facts.push(`${row.duration.toFixed(1)} s`);
    if (row.language) facts.push(row.language);
    facts.push(...row.flags);
    const head = element("p", undefined, "head");
    head.append(element("strong", row.id), ` — ${facts.join(", ")}`);
    made.append(head, diff(row.steps));
    if (row.compared) {
      const other = diff(row.compared);
      other.prepend(element("span", "reference system: ", "quiet"));
      made.append(other);
    }
    const raw = element("details");
    raw.append(element("summary", "raw texts", "quiet"), element("p", row.raw[0]), element("p", row.raw[1]));
    made.append(raw);
    if (row.audio) {
      const player = element("audio");
      player.controls = true;
      player.preload = "none";
      player.src = row.audio;
      player.setAttribute("aria-label", `Audio of ${row.id}`);
      made.append(player);
    }
    return made;
  }

  function explore(runs) {
    const by = (id) => document.getElementById(id);
    const PAGE = 50;
    let shown = PAGE;
    runs.forEach((run, index) => by("run").append(new Option(run.label, String(index))));
    const orders = {
      errors: (a, b) => b.errors - a.errors || a.length - b.length,
      rate: (a, b) => b.errors / Math.max(1, b.length) - a.errors / Math.max(1, a.length),
      duration: (a, b) => b.duration - a.duration,
      id: (a, b) => a.id.localeCompare(b.id),
    };
    const kinds = {
      all: () => true,
      wrong: (row) => row.errors > 0,
      substitute: (row) => row.substitutions > 0,
      delete: (row) => row.deletions > 0,
      insert: (row) => row.insertions > 0,
      flagged: (row) => row.flags.length > 0,
    };
    function text(row) {
      return [row.id, ...row.steps.flat()].join(" ").toLowerCase();
    }
    function update() {
      const run = runs[Number(by("run").value)];
      const wanted = by("search").value.trim().toLowerCase();
      const rows = run.rows.filter((row) => kinds[by("kind").value](row) && (!wanted || text(row).includes(wanted)));
      rows.sort(orders[by("order").value]);
      const more = run.total > run.rows.length ? `; the ${run.rows.length} with the most errors of ${run.total} are here` : "";
      by("count").textContent = `${Math.min(shown, rows.length)} of ${rows.length} shown${more}`;
      by("list").replaceChildren(...rows.slice(0, shown).map(utterance));
      by("more").hidden = rows.length <= shown;
    }
    for (const id of ["run", "order", "kind", "search"]) {
      by(id).addEventListener("input", () => { shown = PAGE; update(); });
    }
    by("more").addEventListener("click", () => { shown += PAGE; update(); });
    update();
  }

  const runs = read("explorer");
  if (runs.length) explore(runs);
  if (window.vegaEmbed) {
    draw();
    dark.addEventListener("change", draw);
  }
})();
