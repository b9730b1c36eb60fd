// The whole page: overview, heat maps, the filter, links to rows, theme and print.

function overview() {
  const live = BOARDS.filter(b => !b.archived && b.shown.length);
  const rows = live.map(board => {
    const best = board.rows.find(r => ok(r) && !r.control && r.value !== null);
    const same = !best || !best.letters ? null : board.rows.filter(r => r !== best && ok(r) && letters(r).some(c => letters(best).includes(c)));
    const above = best && board.rows.find(r => r.control && ok(r) && r.value !== null && (board.lower[0] ? r.value < best.value : r.value > best.value));
    const ties = !best ? "" : (same === null ? "no ranking is claimed" + (board.groups < 20 ? `: ${board.groups} groups` : "") : same.length === 0 ? "none: it stands alone"
      : same.slice(0, 2).map(named).join("; ") + (same.length > 2 ? ` and ${same.length - 2} more` : ""))
      + (above ? `; the control ${name(above)} stands above it` : "");
    const count = board.rows.filter(r => !r.published).length;
    return h("tr", {}, h("th", {scope: "row"}, h("a", {href: `#board-${encodeURIComponent(board.slug)}`}, [board.task, board.mode].filter(Boolean).join(", "))),
      h("td", {class: "set"}, ...breakable(board.dataset)), h("td", {class: "best"}, best ? h("a", {href: `#cell=${encodeURIComponent(best.cell)}`}, ...breakable(name(best))) : h("span", {class: "quiet"}, "no scored row")),
      h("td", {}, board.metrics[0] || ""), h("td", {class: "num primary"}, best ? fixed(best.value) : ""), h("td", {class: "num"}, best ? interval(best.low, best.high, best.reliable) : ""),
      h("td", {class: "ties"}, ...breakable(ties)), h("td", {class: "num"}, String(count)),
      h("td", {}, board.rows.reduce((last, r) => r.date > last ? r.date : last, "")));
  });
  const heads = ["Task", "Dataset", "First row", "Metric", "Score", "95 % interval", "Cannot be told apart from", "Rows", "Date"];
  byId("overview-table").replaceChildren(rows.length ? h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": "Overview table"}, h("table", {},
    h("thead", {}, h("tr", {}, ...heads.map((t, i) => h("th", {scope: "col", class: [4, 5, 7].includes(i) ? "num" : ""}, t)))), h("tbody", {}, ...rows)))
    : nothing(BOARDS.length ? "No board passes the filter." : "No record yet."));
}

const HEAT = 40;  // methods of a heat map

function heat() {
  const groups = new Map();
  for (const board of BOARDS) {
    if (board.archived || !board.metrics.length || !board.shown.some(r => ok(r) && r.value !== null)) continue;
    const key = [board.task, board.mode, board.metrics[0]].filter(Boolean).join(" · ");
    groups.set(key, [...(groups.get(key) || []), board]);
  }
  const across = [...groups].filter(([, boards]) => new Set(boards.map(b => b.dataset)).size > 1);
  byId("heat-maps").replaceChildren(...across.map(([key, boards]) => {
    const methods = new Map();
    boards.forEach((board, i) => board.shown.filter(r => ok(r) || r.status !== "ok").forEach(r => {
      const found = methods.get(name(r)) || methods.set(name(r), {row: r, cells: []}).get(name(r));
      if (!found.cells[i] || r.seed < found.cells[i].seed) found.cells[i] = r;
    }));
    const count = m => m.cells.reduce(n => n + 1, 0);  // those of most datasets first
    const list = [...methods.values()].sort((a, b) => a.row.control - b.row.control || count(b) - count(a) || (a.row.extractor < b.row.extractor ? -1 : a.row.extractor > b.row.extractor ? 1 : a.row.backbone < b.row.backbone ? -1 : 1));
    const values = list.flatMap(m => m.cells).map(r => r.value).filter(v => v !== null);
    const unit = values.every(v => v >= -1 && v <= 1), low = unit ? 0 : Math.min(...values), high = unit ? 1 : Math.max(...values);
    const cell = row => {
      if (!row) return h("td", {class: "none"}, "—");
      if (row.value === null) return h("td", {class: "none"}, row.status === "ok" ? "undefined" : row.status);
      const part = Math.min(1, Math.max(0, (row.value - low) / (high - low || 1)));
      const el = h("td", {class: part > 0.6 ? "strong" : "", title: `${row.extractor} · ${row.backbone}`}, h("a", {href: `#cell=${encodeURIComponent(row.cell)}`}, fixed(row.value, 2)));
      el.style.setProperty("--part", `${(part * 100).toFixed(1)}%`);
      return el;
    };
    const repeated = new Set(boards.map(b => b.dataset)).size < boards.length;
    return h("figure", {class: "heat"}, h("figcaption", {}, h("strong", {}, key),
      ` ${short(low)} `, h("span", {class: "ramp"}), ` ${short(high)}${unit ? ", below 0 as 0" : ""}; — no such row.${list.length > HEAT ? ` The first ${HEAT} of ${list.length} methods; filter to see others.` : ""}`),
      h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": `Heat map: ${key}`}, h("table", {},
        h("thead", {}, h("tr", {}, h("th", {scope: "col"}, "Extractor · backbone"), ...boards.map(b => h("th", {scope: "col"},
          h("a", {href: `#board-${encodeURIComponent(b.slug)}`}, repeated ? `${b.dataset} (${(b.rows.find(ok) || b.rows[0]).n})` : b.dataset))))),
        h("tbody", {}, ...list.slice(0, HEAT).map(m => h("tr", {class: m.row.control ? "control" : null},
          h("th", {scope: "row"}, m.row.extractor, h("span", {class: "quiet", title: m.row.backbone}, ` · ${m.row.label}`)), ...boards.map((_, i) => cell(m.cells[i]))))))));
  }));
  byId("heat").hidden = !across.length && !DATA.means.length;
}

function means() {
  for (const found of DATA.means) {
    const rows = found.methods.slice(0, HEAT).map(([extractor, backbone, control, mean, low, high]) => h("tr", {class: control ? "control" : null},
      h("th", {scope: "row"}, ...breakable(extractor), control ? h("span", {class: "tag"}, "control") : ""), h("td", {}, DATA.labels[backbone] || backbone),
      h("td", {class: "num primary"}, fixed(mean, 2)), h("td", {class: "num"}, `${fixed(low, 2)} … ${fixed(high, 2)}`)));
    const heads = ["Extractor", "Backbone", "Mean rank", "95\u00a0% interval"].map((t, i) => h("th", {scope: "col", class: i > 1 ? "num" : ""}, t));
    const cut = rows.length < found.methods.length ? ` The first ${HEAT} are shown.` : "";
    byId("means").append(h("figure", {class: "means"}, h("figcaption", {}, h("strong", {}, `Mean rank over ${found.datasets.length} tables: ${found.title}`),
      ` By ${found.metric}, among the ${found.methods.length} methods that have a value in each of ${found.datasets.join(", ")}. The interval is over resampled tables, which are few.${cut}`),
      h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": `Mean rank: ${found.title}`},
        h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)))));
  }
}

// The filter

const CHOICES = {task: (b) => b.task, dataset: (b) => b.dataset, family: (b, r) => r.family, backbone: (b, r) => r.backbone, trust: (b, r) => r.kind};
const TOTAL = BOARDS.reduce((n, b) => n + b.rows.length, 0);

function choices() {
  for (const [key, of] of Object.entries(CHOICES)) {
    const found = [...new Set(BOARDS.flatMap(b => b.rows.map(r => of(b, r))))].filter(Boolean).sort();
    byId(`f-${key}`).append(h("option", {value: ""}, "all"), ...found.map(v => h("option", {value: `=${v}`}, v)));
  }
}

function filter() {
  const words = byId("q").value.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = Object.entries(CHOICES).map(([key, of]) => [of, byId(`f-${key}`).value.slice(1)]).filter(([, v]) => v);
  const hide = byId("f-controls").checked;
  let count = 0;
  for (const board of BOARDS) {
    board.shown = board.rows.filter(row => !(hide && row.control)
      && wanted.every(([of, v]) => of(board, row) === v) && words.every(w => row.hay.includes(w)));
    count += board.shown.length;
    board.stale = true;
    board.section.hidden = !board.shown.length;
    if (board.near) continue;
    clearTimeout(board.later);  // out of sight nothing is left to lay out
    board.head = null;
    board.box.replaceChildren();
    board.figures.replaceChildren();
    board.section.style.minHeight = `${260 + 33 * Math.min(board.shown.length, board.limit)}px`;
  }
  byId("archive").hidden = !BOARDS.some(b => b.archived && b.shown.length);
  byId("count").value = `${count.toLocaleString("en")} of ${TOTAL.toLocaleString("en")} rows`;
  overview();
  heat();
  BOARDS.filter(b => b.near && b.shown.length).forEach(b => paint(b, 150));
}

// Links to rows

function linked() {
  const found = /^#cell=(.+)$/.exec(location.hash);
  try { return found && decodeURIComponent(found[1]); } catch { return null; }
}

function follow() {
  const cell = linked();
  if (!cell) return;
  const board = BOARDS.find(b => b.rows.some(r => r.cell === cell));
  if (!board) { byId("count").value = `no row has the cell ${cell}`; return; }
  const row = board.rows.find(r => r.cell === cell);
  if (!board.shown.includes(row)) { byId("filters").reset(); filter(); }
  if (sorted(board, board.shown.filter(r => !r.published)).indexOf(row) >= board.limit) board.limit = Infinity;
  document.querySelectorAll("tr.linked").forEach(tr => tr.classList.remove("linked"));
  board.open.add(row);
  board.stale = true;
  paint(board);
  const show = () => byId(`cell-${cell}`).scrollIntoView({block: "start"});
  show();
  byId(`cell-${cell}`).querySelector("button.open").focus({preventScroll: true});
  setTimeout(show, 60);  // boards above may have been drawn meanwhile
}

// Theme and print

const THEMES = {"": "system", light: "light", dark: "dark"};

function theme(value) {
  document.documentElement.dataset.theme = value;
  byId("theme").textContent = `Theme: ${THEMES[value]}`;
  try { localStorage.setItem("benchbench-theme", value); } catch { /* a file without storage */ }
}

let unfolded = false;

function unfold(all) {
  if (all === unfolded) return;
  unfolded = all;
  for (const board of BOARDS) {
    if (all) board.before = board.limit;
    board.limit = all ? Infinity : board.before ?? board.limit;
    board.stale = true;
    if (board.shown.length && (all || board.near)) paint(board);
  }
}

function start() {
  const of = key => new Set(BOARDS.filter(b => !b.archived).map(b => b[key])).size;
  const s = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
  byId("summary").textContent = `${s(TOTAL, "row")}, ${s(of("task"), "task")}, ${s(of("dataset"), "dataset")}. Every row links to its record and to the command that repeats it, and says how far it is trusted.`;
  let saved = "";
  try { saved = localStorage.getItem("benchbench-theme") || ""; } catch { /* a file without storage */ }
  theme(saved in THEMES ? saved : "");
  byId("theme").onclick = () => {
    const all = Object.keys(THEMES);
    theme(all[(all.indexOf(document.documentElement.dataset.theme) + 1) % all.length]);
  };
  choices();
  means();
  BOARDS.forEach(section);
  const form = byId("filters");
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  const watch = new IntersectionObserver(entries => {
    for (const {target, isIntersecting} of entries) {
      target.board.near = isIntersecting;
      if (isIntersecting) paint(target.board, 1);
    }
  }, {rootMargin: "200px"});
  filter();
  BOARDS.forEach(b => watch.observe(b.section));
  const print = matchMedia("print");
  print.addEventListener("change", () => unfold(print.matches));
  addEventListener("beforeprint", () => unfold(true));
  addEventListener("afterprint", () => unfold(false));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    tell(null);
    BOARDS.forEach(b => { b.stale = true; if (b.near && b.shown.length) paint(b); });
  });
  addEventListener("scroll", () => document.activeElement.says ? tell(document.activeElement) : tell(null), {passive: true});
  addEventListener("hashchange", follow);
  follow();
}

start();
