// The page of `spillover view`: shows one of three sections, filters cells, opens items. Where one is stands in the hash
// (#cells?conceal, #cell/KEY, #examples/KEY/17), so that a place can be sent to others. Text enters as text, never as HTML.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = id => document.getElementById(id);
  const make = (tag, attributes, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.filter(child => child != null));
    return made;
  };
  const number = x => typeof x !== "number" ? String(x ?? "") : Number.isInteger(x) ? String(x) : Math.abs(x) < .001 ? x.toExponential(1) : x.toPrecision(3);

  // --- cells ---
  // The last reading of a metric: at the end (no update), else at the latest update.
  const reading = (cell, metric, view = null) => {
    let best = null;
    for (const [name, , as, update, , value] of cell.rows) {
      if (name !== metric || value === null || as !== view) continue;
      if (!best || (update ?? Infinity) >= best.update) best = { update: update ?? Infinity, value };
    }
    return best && best.value;
  };
  const columns = [
    ["cell", cell => cell.key.slice(0, 12)], ["kind", cell => cell.kind], ["state", cell => cell.state],
    ["task", cell => cell.task], ["design", cell => cell.design], ["arm", cell => cell.arm],
    ["pressure", cell => cell.pressure], ["method", cell => cell.method], ["credit", cell => cell.credit],
    ["seed", cell => cell.seed],
    ["answers", cell => reading(cell, "answer_accuracy_pressed") ?? reading(cell, "accuracy", "greedy")],
    ["M_out", cell => reading(cell, "m_out")], ["written", cell => reading(cell, "m_r_reader")],
    ["F", cell => reading(cell, "m_r_frozen")], ["R", cell => reading(cell, "m_r_refit")],
    ["seconds", cell => cell.seconds], ["variant", cell => cell.variant], ["note", cell => cell.note],
  ];
  const used = columns.filter(([, value]) => data.cells.some(cell => (value(cell) ?? "") !== ""));
  const haystack = cell => used.map(([, value]) => number(value(cell))).concat(cell.label, cell.key).join(" ").toLowerCase();
  let order = { column: -1, sign: 1 };

  const compare = (a, b) => {
    if (order.column < 0) return 0;
    const [x, y] = [a, b].map(used[order.column][1]);
    if (typeof x === "number" && typeof y === "number") return order.sign * (x - y);
    return order.sign * String(x ?? "").localeCompare(String(y ?? ""));
  };

  const drawCells = () => {
    const words = at("cell-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = data.cells.filter(cell => words.every(word => haystack(cell).includes(word))).sort(compare);
    at("cell-count").textContent = `${shown.length} of ${data.cells.length} cells`;
    at("cell-rows").replaceChildren(...shown.map(cell => {
      const open = () => { location.hash = `#cell/${cell.key.slice(0, 12)}`; };
      return make("tr", { class: "cell", tabindex: "0", onclick: open, onkeydown: e => e.key === "Enter" && open() },
        ...used.map(([name, value]) => {
          const x = value(cell);
          const bad = name === "state" && !["done", "skip"].includes(x);
          return make("td", { class: bad ? "failed" : typeof x === "number" ? "number" : name === "cell" ? "mono" : null }, number(x));
        }));
    }));
  };

  const buildCells = () => {
    const filter = make("input", { type: "search", id: "cell-filter", placeholder: "filter: words that a cell must have, e.g. codi conceal", "aria-label": "filter cells",
      oninput: () => { drawCells(); history.replaceState(null, "", filter.value ? `#cells?${encodeURIComponent(filter.value)}` : "#cells"); } });
    at("cells").replaceChildren(
      make("h1", {}, "Cells"),
      make("p", { class: "soft" }, "One line a cell, with its last readings: right answers, the output monitor M_out, and the monitors of the reasoning (written: the exact reader of text; F: the frozen probe; R: the refitted one). A click opens a cell; a click on a column's name sorts."),
      make("div", { class: "bar" }, filter, make("span", { id: "cell-count", class: "soft", "aria-live": "polite" })),
      make("div", { class: "wide" }, make("table", {},
        make("thead", {}, make("tr", {}, ...used.map(([name], i) => make("th", { class: "sort", onclick: () => {
          order = { column: i, sign: order.column === i ? -order.sign : 1 };
          drawCells();
        } }, name)))),
        make("tbody", { id: "cell-rows" }))),
      make("div", { id: "cell" }));
    drawCells();
  };

  const svg = (tag, attributes, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  // Monitors against updates: the cell's trajectory.
  const drawPath = cell => {
    const lines = [["m_out", "M_out", "#0b5cad"], ["m_r_reader", "written", "#b35900"], ["m_r_frozen", "F", "#1a7f37"], ["m_r_refit", "R", "#8250df"]]
      .map(([metric, name, colour]) => ({ name, colour, points: cell.rows
        .filter(([m, , view, update, , value]) => m === metric && view === null && update !== null && value !== null)
        .map(row => [row[3], row[5]]).sort((a, b) => a[0] - b[0]) }))
      .filter(line => line.points.length > 1);
    if (!lines.length) return null;
    const most = Math.max(...lines.flatMap(line => line.points.map(point => point[0])), 1);
    const x = u => 40 + 480 * u / most, y = v => 190 - 170 * Math.min(1, Math.max(0, v));
    const drawing = svg("svg", { class: "path", viewBox: "0 0 640 225", role: "img", "aria-label": "monitors against updates" });
    for (const v of [0, .5, 1]) drawing.append(svg("line", { x1: 40, x2: 520, y1: y(v), y2: y(v), stroke: "#d7dce1" }), svg("text", { x: 34, y: y(v) + 4, "text-anchor": "end" }, String(v)));
    drawing.append(svg("text", { x: 40, y: 212 }, "0"), svg("text", { x: 520, y: 212, "text-anchor": "end" }, `${most} updates`));
    lines.forEach((line, i) => drawing.append(
      svg("polyline", { fill: "none", stroke: line.colour, "stroke-width": 2, points: line.points.map(p => `${x(p[0])},${y(p[1])}`).join(" ") }),
      svg("text", { x: 530, y: 30 + 18 * i, style: `fill:${line.colour}` }, line.name)));
    return drawing;
  };

  const openCell = key => {
    const cell = data.cells.find(c => c.key.startsWith(key));
    if (!cell) return at("cell").replaceChildren();
    const example = data.examples.find(e => e.key === cell.key);
    const latest = new Map(); // of every number: without an update it belongs to the end
    for (const row of cell.rows) {
      const name = row.slice(0, 3).join("|"), other = latest.get(name);
      if (!other || (row[3] ?? Infinity) >= (other[3] ?? Infinity)) latest.set(name, row);
    }
    const end = [...latest.values()];
    at("cell").replaceChildren(
      make("h2", {}, cell.label), make("p", { class: "soft mono" }, `${cell.key} `, cell.note || "", example ? make("a", { href: `#examples/${key}` }, "questions to read") : ""),
      drawPath(cell),
      make("h3", {}, `${end.length} numbers, each at its last update; those by step and layer stand in results.csv`),
      make("div", { class: "wide" }, make("table", {}, make("thead", {}, make("tr", {}, ...["metric", "concept", "view", "update", "n", "value", "status"].map(name => make("th", {}, name)))),
        make("tbody", {}, ...end.map(([metric, concept, view, update, n, value, status]) => make("tr", {},
          ...[metric, concept, view].map(x => make("td", {}, number(x))), ...[update, n, value].map(x => make("td", { class: "number" }, number(x))), make("td", {}, status)))))));
    at("cell").scrollIntoView();
  };

  // --- examples ---
  const changed = (item, title) => item.sections.some(s => s.title.startsWith(title) && s.lines.some(l => l.length > 2 && l[1] !== l[2]));
  // "3 probe c" stands with "3": what is said of a step stands together.
  const byStep = lines => lines.map((line, i) => [parseInt(line[0], 10) || 0, i, line]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(x => x[2]);
  let example = null;

  const drawList = () => {
    const words = at("item-filter").value.toLowerCase().split(/\s+/).filter(Boolean), only = at("item-changed").checked;
    const shown = example.items.filter(item => (!only || changed(item, "reasoning") || changed(item, "output"))
      && words.every(word => `${item.item} ${item.question} ${item.truth} ${item.sections.map(s => s.lines.flat().join(" ")).join(" ")}`.toLowerCase().includes(word)));
    at("item-count").textContent = `${shown.length} of ${example.items.length} questions`;
    at("item-list").replaceChildren(...shown.map(item => {
      const marks = [changed(item, "reasoning") && "reasoning", changed(item, "output") && "output"].filter(Boolean).join(", ");
      return make("button", { "data-item": item.item, onclick: () => { location.hash = `#examples/${example.key.slice(0, 12)}/${item.item}`; } },
        `${item.item}${marks ? ` - ${marks} changed` : ""}`, make("span", { class: "mono" }, item.question));
    }));
  };

  const openItem = n => {
    const item = example.items.find(i => i.item === n) || example.items[0];
    for (const button of at("item-list").children) button.classList.toggle("here", Number(button.dataset.item) === item.item);
    const heads = example.level ? ["before", `after (dose .${String(example.level).padStart(2, "0")})`] : ["as trained"];
    at("item").replaceChildren(
      make("h2", {}, `Question ${item.item}`), make("p", { class: "question mono" }, item.question), make("p", {}, "true: ", make("span", { class: "mono" }, item.truth)),
      ...item.sections.filter(s => s.lines.length).flatMap(s => [make("h3", {}, s.title),
        make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, s.title.startsWith("reasoning") ? "step" : ""), ...heads.map(h => make("th", {}, h)))),
          make("tbody", {}, ...(s.title.startsWith("reasoning") ? byStep(s.lines) : s.lines).map(([name, before, after]) => make("tr", { class: after !== undefined && after !== before ? "differs" : null },
            make("td", {}, name), make("td", { class: "mono" }, before), after === undefined ? null : make("td", { class: "mono" }, after)))))]));
  };

  const openExample = (key, n) => {
    const found = data.examples.find(e => e.key.startsWith(key)) || data.examples[0];
    if (found !== example) {
      example = found;
      at("example-cell").value = example.key;
      at("item-filter").value = "";
      drawList();
    }
    openItem(n);
  };

  const buildExamples = () => {
    if (!data.examples.length) return at("examples").replaceChildren(make("h1", {}, "Examples"), make("p", {}, "This page was made without questions, or no finished cell keeps weights."));
    at("examples").replaceChildren(
      make("h1", {}, "Examples"),
      make("p", { class: "soft" }, "The same question before and after pressure, step by step; lines that differ are marked. Thoughts are read through the lens (nearest tokens) and by the probe frozen before pressure."),
      make("div", { class: "bar" },
        make("select", { id: "example-cell", "aria-label": "cell", onchange: e => { location.hash = `#examples/${e.target.value.slice(0, 12)}`; } },
          ...data.examples.map(e => make("option", { value: e.key }, `${e.label}${e.level ? "" : " (no weights after pressure)"}`))),
        make("input", { type: "search", id: "item-filter", placeholder: "filter: words or tokens", "aria-label": "filter questions", oninput: drawList }),
        make("label", {}, make("input", { type: "checkbox", id: "item-changed", onchange: drawList }), " only what changed"),
        make("span", { id: "item-count", class: "soft", "aria-live": "polite" })),
      make("div", { class: "browser" }, make("div", { class: "list", id: "item-list" }), make("div", { class: "item", id: "item" })));
  };

  // --- where one is ---
  const go = () => {
    const [place, ...rest] = decodeURIComponent(location.hash.slice(1)).split(/[/?]/);
    const section = place.startsWith("cell") ? "cells" : place === "examples" ? "examples" : "report";
    for (const id of ["report", "cells", "examples"]) {
      at(id).hidden = id !== section;
      document.querySelector(`nav a[href="#${id}"]`).classList.toggle("here", id === section);
    }
    if (place === "cells" && rest.length) { at("cell-filter").value = rest.join(" "); drawCells(); }
    if (place === "cell") openCell(rest[0] || "-");
    if (place === "examples" && data.examples.length) openExample(rest[0] || data.examples[0].key, Number(rest[1]));
    if (place.startsWith("report-")) at(place)?.scrollIntoView();
    else if (place === section) scrollTo(0, 0);
  };
  const about = data.manifest;
  if (about.started) at("report").append(make("p", { class: "soft" }, `Run ${about.started} by spillover ${about.version || "?"}${about.git ? `, source ${String(about.git).slice(0, 12)}${about.dirty ? " with changes" : ""}` : ""}, on ${typeof about.cpu === "string" ? about.cpu : "an unknown CPU"}.`));
  buildCells();
  buildExamples();
  addEventListener("hashchange", go);
  go();
})();
