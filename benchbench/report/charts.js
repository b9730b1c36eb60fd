"use strict";
// Figures in inline SVG. All text is put in by textContent; nothing here reads or writes markup.

function h(tag, props, ...kids) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (value === null || value === undefined) continue;
    if (key in el && typeof value !== "string") el[key] = value;
    else el.setAttribute(key, value);
  }
  el.append(...kids.filter(kid => kid !== null && kid !== undefined && kid !== ""));
  return el;
}

function s(tag, props, ...kids) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(props || {})) el.setAttribute(key, value);
  el.append(...kids);
  return el;
}

const minus = text => text.replace(/^-/, "−");
const fixed = (v, digits = 3) => v === null || v === undefined ? "" : minus(v.toFixed(digits));

function short(v) {  // 2236682 -> 2.24 M
  if (v === null || v === undefined) return "";
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (Math.abs(v) >= size) return Number((v / size).toPrecision(3)) + unit;
  }
  return minus(String(Number(v.toPrecision(3))));
}

function unpack([low, high, text]) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const steps = new DataView(bytes.buffer);
  return Array.from({length: bytes.length / 2},
    (_, i) => low + (high - low) * steps.getUint16(2 * i, true) / 65535);
}

function places(text) {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Array.from({length: bytes.length / 4}, (_, i) => view.getUint32(4 * i, true));
}

// Scales and axes

function ticks(low, high, about) {  // round values with their names
  const raw = (high - low) / about || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(f => f * power >= raw * (1 - 1e-9));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push([i * step, minus((i * step + 0).toFixed(digits))]);
  return found;
}

function decades(low, high) {
  const found = [];
  for (let e = Math.floor(low); e <= high; e++) {
    for (const m of high - low < 1.6 ? [1, 2, 5] : [1]) {
      const v = m * 10 ** e;
      if (Math.log10(v) >= low && Math.log10(v) <= high) found.push([v, short(v)]);
    }
  }
  return found.length > 1 ? found : ticks(10 ** low, 10 ** high, 4);
}

function scale(values, from, to, {log = false, pad = 0.04, about = 5} = {}) {
  const f = log ? Math.log10 : v => v;
  let low = f(Math.min(...values)), high = f(Math.max(...values));
  const room = (high - low) * pad || Math.abs(low) * 0.05 || 0.5;
  low -= room; high += room;
  const at = v => from + (to - from) * (f(v) - low) / (high - low);
  at.ticks = (log ? decades(low, high) : ticks(low, high, about)).map(([v, said]) => [at(v), said]);
  return at;
}

function frame(box, x, y, xName, yName) {
  const g = s("g", {class: "axes", "aria-hidden": "true"});
  for (const [at, name] of x.ticks) {
    g.append(s("line", {x1: at, x2: at, y1: box.top, y2: box.bottom, class: "grid"}),
      s("text", {x: at, y: box.bottom + 16, "text-anchor": "middle"}, name));
  }
  for (const [at, name] of y ? y.ticks : []) {
    g.append(s("line", {x1: box.left, x2: box.right, y1: at, y2: at, class: "grid"}),
      s("text", {x: box.left - 8, y: at + 4, "text-anchor": "end"}, name));
  }
  g.append(s("text", {x: (box.left + box.right) / 2, y: box.bottom + 34, "text-anchor": "middle", class: "name"}, xName));
  if (yName) g.append(s("text", {x: box.left, y: box.top - 10, "text-anchor": "start", class: "name"}, yName));
  return g;
}

// Points that say who they are: by pointer, and by keyboard (one tab stop, arrows between points)

function tell(target) {
  const tip = document.getElementById("tip");
  if (!target) { tip.hidden = true; return; }
  tip.replaceChildren(...target.says.map((line, i) => h("div", {class: i ? "" : "strong"}, line)));
  tip.hidden = false;
  const at = target.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left + at.width / 2 - size.width / 2), innerWidth - size.width - 8);
  const above = at.top - size.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : at.bottom + 8}px`;
}

function speaking(svg, points) {
  points.forEach((point, i) => {
    point.setAttribute("tabindex", i ? "-1" : "0");
    point.setAttribute("role", "img");
    point.setAttribute("aria-label", point.says.join(", "));
  });
  const found = event => points.includes(event.target) ? event.target : null;
  svg.addEventListener("pointerover", event => tell(found(event)));
  svg.addEventListener("pointerleave", () => tell(null));
  svg.addEventListener("focusin", event => tell(found(event)));
  svg.addEventListener("focusout", () => tell(null));
  svg.addEventListener("keydown", event => {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    const here = points.indexOf(event.target);
    if (event.key === "Escape") tell(null);
    if (!step || here < 0) return;
    event.preventDefault();
    const next = points[(here + step + points.length) % points.length];
    points[here].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}

function breakable(text) {  // a long name may break after its punctuation
  return text.split(/(?<=[,[=+/])/).flatMap((part, i) => i ? [h("wbr"), part] : [part]);
}

function figure(title, body, ...caption) {
  return h("figure", {}, h("figcaption", {}, h("strong", {}, title), ...caption), body);
}

const nothing = text => h("p", {class: "empty"}, text);

// (a) predicted against subjective score

function scatter(board, row, width) {
  const found = row.scatter, title = `Predicted and subjective score: ${name(row)}`;
  if (!found || found.why) return figure(title, nothing(found ? found.why : `${row.status}: no scatter`));
  const {images, targets, sets} = board.points;
  const all = board.targets ||= unpack(targets);
  const x = unpack(found.x);
  const dots = places(sets[found.set]).map((place, i) => ({x: x[i], y: all[place], image: images[place]}));
  const height = Math.min(340, Math.max(240, width * 0.66));
  const box = {left: 48, right: width - 12, top: 26, bottom: height - 42};
  const curve = found.y ? unpack(found.y) : [];
  const ax = scale(x, box.left, box.right), ay = scale(dots.map(d => d.y).concat(curve), box.bottom, box.top);
  const svg = s("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "scatter", role: "group",
    "aria-label": `${title}. ${dots.length} points; arrow keys move between them.`});
  svg.append(frame(box, ax, ay, "prediction", board.kind || "subjective score"));
  const marks = dots.sort((p, q) => p.x - q.x || p.y - q.y).map(d => {
    const mark = s("circle", {cx: ax(d.x).toFixed(1), cy: ay(d.y).toFixed(1), r: 3, class: "dot"});
    mark.says = [d.image, `predicted ${short(d.x)}, ${board.kind || "subjective"} ${short(d.y)}`];
    return mark;
  });
  if (curve.length) {
    const [low, high] = found.x;
    svg.append(s("polyline", {class: "curve", points: curve.map((v, i) =>
      `${ax(low + (high - low) * i / (curve.length - 1)).toFixed(1)},${ay(v).toFixed(1)}`).join(" ")}));
  }
  svg.append(s("g", {}, ...marks));
  speaking(svg, marks);
  const part = found.n > dots.length ? `${dots.length} of ${found.n} images (those with the lowest SHA-256 of their names)` : `${found.n} images`;
  const names = {logistic5: "monotone logistic of 5 parameters", logistic4: "monotone logistic of 4 parameters", linear: "straight line"};
  return figure(title, svg, ` ${part} of test split ${found.split}. Curve: ${names[found.fit] || found.fit}, fitted to the split.`);
}

// (c) score against cost

const COSTS = {images_per_s: "images a second", parameters: "parameters of the backbone", width: "feature width", peak_memory_mb: "peak memory, MB"};

function costs(board, rows, axis, width) {
  const known = rows.filter(r => r.value !== null && r[axis] > 0);
  if (!known.length) return nothing(`No row says its ${COSTS[axis]}: nothing to draw.`);
  const height = Math.min(340, Math.max(240, width * 0.66));
  const box = {left: 48, right: width - 12, top: 26, bottom: height - 42};
  const ax = scale(known.map(r => r[axis]), box.left, box.right, {log: true, pad: 0.08});
  const ay = scale(known.map(r => r.value), box.bottom, box.top, {pad: 0.08});
  const svg = s("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "cost", role: "group",
    "aria-label": `${board.metrics[0]} against ${COSTS[axis]}. ${known.length} rows; arrow keys move between them.`});
  svg.append(frame(box, ax, ay, `${COSTS[axis]} (logarithmic)`, board.metrics[0]));
  const taken = known.map(r => [ax(r[axis]) - 5, ay(r.value) - 5, ax(r[axis]) + 5, ay(r.value) + 5]);
  const labels = s("g", {class: "labels", "aria-hidden": "true"});
  const marks = known.map((r, i) => {
    const [x, y] = [ax(r[axis]), ay(r.value)];
    const mark = s("circle", {cx: x.toFixed(1), cy: y.toFixed(1), r: 5, class: r.control ? "dot hollow" : "dot full"});
    mark.says = [name(r), `${board.metrics[0]} ${fixed(r.value)}, ${COSTS[axis]} ${short(r[axis])}`];
    const long = r.extractor.length * 6.6;
    for (const side of i < 80 ? [1, -1] : []) {  // a label only where it hides nothing
      const [l, t] = [side > 0 ? x + 8 : x - 8 - long, y - 8], place = [l, t, l + long, t + 15];
      if (l < box.left || l + long > box.right) continue;
      if (taken.some((o, j) => j !== i && place[0] < o[2] && place[2] > o[0] && place[1] < o[3] && place[3] > o[1])) continue;
      taken.push(place);
      labels.append(s("text", {x: side > 0 ? l : l + long, y: y + 4, "text-anchor": side > 0 ? "start" : "end"}, r.extractor));
      break;
    }
    return mark;
  });
  svg.append(labels, s("g", {}, ...marks));
  speaking(svg, marks);
  return svg;
}

// (d) intervals, letters and ranks

const FOREST = 40;
const cut = (text, most) => text.length > most ? text.slice(0, Math.floor(most / 3)) + "…" + text.slice(1 - Math.ceil(most * 2 / 3)) : text;  // names differ at the end

function forest(board, rows, width) {
  const known = rows.filter(r => r.value !== null).slice(0, FOREST);
  if (!known.length) return nothing("No row has a score: nothing to draw.");
  const lettered = known.some(r => r.letters), ranked = known.some(r => r.rank);
  const narrow = width < 480;  // the name stands above its interval
  const step = narrow ? 38 : 22, left = narrow ? 4 : Math.min(width * 0.5, 300), right = width - (lettered ? 78 : 14);
  const box = {left, right, top: 26, bottom: 32 + step * known.length};
  const ends = known.flatMap(r => [r.value, r.low, r.high]).filter(v => v !== null);
  const ax = scale(ends, box.left + 4, box.right - 4, {about: Math.max(2, (right - left) / 55)});
  const height = box.bottom + 42;
  const svg = s("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "forest", role: "group",
    "aria-label": `${board.metrics[0]} with 95 % intervals; arrow keys move between rows.`});
  svg.append(frame(box, ax, null, board.metrics[0], ""));
  if (lettered) svg.append(s("text", {x: right + 8, y: 16, class: "name"}, ranked ? "ties, rank" : "ties"));
  const marks = known.map((r, i) => {
    const y = box.top + step * (i + 0.75);
    const tail = ` · ${cut(r.label.replace(/^.*\//, ""), 24)}`, fits = Math.floor(((narrow ? right : left) - 12) / 6.4) - tail.length;
    svg.append(s("text", {x: narrow ? 4 : left - 10, y: narrow ? y - 9 : y + 4, "text-anchor": narrow ? "start" : "end", class: r.control ? "row quiet" : "row"},
      cut(r.extractor, fits) + tail));
    if (r.low !== null && r.high !== null) {
      svg.append(s("line", {x1: ax(r.low), x2: ax(r.high), y1: y, y2: y, class: r.reliable ? "interval" : "interval unsure"}));
    }
    if (lettered) svg.append(s("text", {x: right + 8, y: y + 4, class: "letters"}, [r.letters, r.rank ? r.rank.join("–") : ""].join("  ").trim()));
    const mark = s("circle", {cx: ax(r.value), cy: y, r: 4.5, class: r.control ? "dot hollow" : "dot full"});
    mark.says = [name(r), `${board.metrics[0]} ${fixed(r.value)}${r.low === null ? ", no interval" : ` (${fixed(r.low)} … ${fixed(r.high)})`}`];
    return mark;
  });
  svg.append(s("g", {}, ...marks));
  speaking(svg, marks);
  return svg;
}
