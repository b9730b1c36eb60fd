// Tables, filters and links. The data is what Python wrote; every text goes in as text.

const DATA = JSON.parse(document.getElementById("data").textContent);
const FIRST = 100;  // rows of a table that are drawn before "show all"
const byId = id => document.getElementById(id);

const BOARDS = DATA.boards.map(board => {
  board.title = [board.task, board.dataset, board.mode].filter(Boolean).join(" · ");
  board.rows = board.rows.map((values, place) => {
    const row = Object.fromEntries(DATA.fields.map((name, i) => [name, values[i]]));
    row.command = DATA.commands[row.command];
    row.place = place;
    row.label = DATA.labels[row.backbone] || row.backbone;
    row.family = row.extractor.split(/[[, ]/)[0];
    [row.value, row.low, row.high, row.reliable] = row.status === "ok" && row.scores[0] || [null, null, null, 1];
    row.kind = row.published ? "published" : row.trust;
    row.hay = [row.extractor, row.backbone, row.status, row.reason, row.kind, row.date, row.cell, row.source,
      row.control ? "control" : "", `seed ${row.seed}`, board.title, board.kind].join(" ").toLowerCase();
    return row;
  });
  return Object.assign(board, {seeds: new Set(board.rows.filter(r => !r.published).map(r => r.seed)).size > 1,
    shown: board.rows, limit: FIRST, sort: null, open: new Set(), axis: null, chosen: null, near: false, stale: true});
});
const name = row => `${row.extractor} · ${row.label}`;  // the parameters stand in the board's legend
const named = row => name(row) + (row.control ? " (control)" : "");
const letters = row => row.letters.match(/[A-Za-z][0-9]*/g) || [];  // a letter may carry a number: "ab1" is a and b1
const ok = row => row.status === "ok" && !row.published;
const interval = (low, high, reliable) => low === null || low === undefined ? "" : `${reliable ? "" : "~"}${fixed(low)} … ${fixed(high)}`;

// Columns: heading, what to sort by, what to show. A first click sorts numbers down, names up.

function columns(board) {
  const some = key => board.rows.some(r => r[key] !== null && r[key] !== "");
  const text = (head, key) => ({head, key: r => r[key] || null});
  const number = (head, key, show = r => short(r[key])) => ({head, key: r => r[key], show, num: true});
  const metric = i => ({head: board.metrics[i], num: true, up: board.lower[i], key: r => r.scores[i] ? r.scores[i][0] : null,
    show: r => r.scores[i] ? fixed(r.scores[i][0]) || "undefined" : "", score: true});
  return [
    {head: "Extractor", key: r => r.extractor, show: opener(board), first: true},
    {...text("Backbone", "label"), show: r => r.label === r.backbone ? r.label : h("span", {title: r.backbone}, r.label)},
    board.seeds ? number("Seed", "seed") : null,
    board.metrics.length ? {...metric(0), primary: true, show: r => r.status === "ok" || r.published ? metric(0).show(r) : failed(r)} : {head: "Status", key: r => r.status, show: r => r.status === "ok" ? "ok" : failed(r)},
    board.metrics.length ? {head: "95 % interval", score: true, num: true, key: r => r.low, show: r => interval(r.low, r.high, r.reliable)} : null,
    some("letters") ? {...text("Ties", "letters"), score: true} : null,
    some("rank") ? {head: "Rank", score: true, num: true, up: true, key: r => r.rank ? r.rank[0] + r.rank[1] / 1e6 : null, show: r => r.rank ? r.rank.join("–") : ""} : null,
    ...board.metrics.slice(1).map((_, i) => metric(i + 1)),
    number("Scored", "n_scored", r => r.published ? "" : `${r.n_scored} / ${r.n}`),
    some("images_per_s") ? number("Images / s", "images_per_s") : null,
    some("peak_memory_mb") ? number("Memory, MB", "peak_memory_mb", r => r.peak_memory_mb === null ? "" : Math.round(r.peak_memory_mb).toLocaleString("en")) : null,
    some("width") ? number("Width", "width", r => r.width === null ? "" : String(r.width)) : null,
    some("parameters") ? number("Parameters", "parameters") : null,
    {head: "Trust", key: r => r.kind || null, show: r => r.kind === "published" ? r.source : r.kind, trust: true},
    text("Date", "date"),
  ].filter(Boolean).map(c => ({show: r => c.key(r) ?? "", ...c}));
}

const failed = row => h("span", {class: "failed"}, row.status, row.reason ? `: ${row.reason}` : "");

function opener(board) {
  return row => {
    if (row.published) return breakable(row.extractor);
    const id = `row-${row.cell}`;
    return [h("button", {type: "button", class: "open", "aria-expanded": String(board.open.has(row)), "aria-controls": id,
      onclick: () => { toggle(board, row); board.box.querySelector(`[aria-controls="${CSS.escape(id)}"]`).focus(); }}, ...breakable(row.extractor)),
      row.control ? h("span", {class: "tag"}, "control") : ""];
  };
}

function toggle(board, row) {
  if (!board.open.delete(row)) board.open.add(row);
  table(board);
}

// One board

function sorted(board, rows) {
  if (!board.sort) return rows;
  const {column, down} = board.sort;
  return rows.map(row => [column.key(row), row]).sort(([a, p], [b, q]) => {
    if (a === null || b === null) return (a === null) - (b === null) || p.place - q.place;
    const order = typeof a === "number" ? a - b : a < b ? -1 : a > b ? 1 : 0;
    return (down ? -order : order) || p.place - q.place;
  }).map(([, row]) => row);
}

function table(board) {
  const cols = board.columns || (board.columns = columns(board));
  const own = board.shown.filter(r => !r.published), apart = board.shown.filter(r => r.published);
  const rows = sorted(board, own), drawn = rows.slice(0, board.limit);
  if (!board.head) {
    board.head = h("tr", {}, ...cols.map(c => h("th", {scope: "col", class: c.num ? "num" : ""},
      h("button", {type: "button", onclick: () => resort(board, c)}, c.head))));
    board.body = h("tbody", {});
    board.extra = h("tbody", {class: "published"});
    board.more = h("button", {type: "button", class: "more", onclick: () => { board.limit = Infinity; table(board); }});
    board.scroll = h("div", {class: "scroll", role: "region", tabindex: "0", "aria-label": `Table: ${board.title}`},
      h("table", {}, h("caption", {class: "hidden"}, board.title), h("thead", {}, board.head), board.body, board.extra));
    board.box.replaceChildren(board.scroll, board.more);
  }
  cols.forEach((c, i) => {
    const on = board.sort && board.sort.column === c;
    if (on) board.head.cells[i].setAttribute("aria-sort", board.sort.down ? "descending" : "ascending");
    else board.head.cells[i].removeAttribute("aria-sort");
  });
  board.body.replaceChildren(...drawn.flatMap(row => line(board, cols, row)));
  if (!rows.length) board.body.append(h("tr", {}, h("td", {class: "empty", colSpan: cols.length}, "No measured row passes the filter.")));
  board.extra.replaceChildren(...(apart.length ? [h("tr", {}, h("th", {class: "apart", colSpan: cols.length, scope: "rowgroup"},
    h("span", {}, "Published figures, not measured here")))] : []), ...sorted(board, apart).flatMap(row => line(board, cols, row)));
  board.more.hidden = drawn.length === rows.length;
  board.more.textContent = `Show all ${rows.length} rows`;
}

function line(board, cols, row) {
  const lost = row.status !== "ok", scores = cols.filter(c => c.score).length;  // the reason stands where the scores would
  const found = h("tr", {id: row.cell ? `cell-${row.cell}` : null, class: [row.control ? "control" : "", row.status === "ok" ? "" : "bad",
    row.cell && row.cell === linked() ? "linked" : ""].join(" ").trim() || null},
    ...cols.filter(c => !lost || !c.score || c.primary).map(c => {
      const shown = c.show(row);
      return h(c.first ? "th" : "td", {colSpan: lost && c.primary ? scores : 1, scope: c.first ? "row" : null, class: [c.num && !(lost && c.primary) ? "num" : "", c.primary ? "primary" : "", c.trust ? "trust" : ""].join(" ").trim() || null},
        ...(Array.isArray(shown) ? shown : [shown]));
    }));
  return board.open.has(row) ? [found, detail(board, row, cols.length)] : [found];
}

function resort(board, column) {
  const down = Boolean(column.num && !column.up);
  if (!board.sort || board.sort.column !== column) board.sort = {column, down};
  else if (board.sort.down === down) board.sort = {column, down: !down};
  else board.sort = null;  // the third click: the order of the board
  table(board);
}

function link(path) {  // relative paths only: no scheme and no host can come through
  return path ? "./" + path.split("/").map(encodeURIComponent).join("/") : null;
}

function repeat(command) {
  if (!command) return "";
  const text = h("code", {}, command), said = h("span", {class: "quiet", role: "status"});
  return h("div", {class: "repeat"}, text, h("button", {type: "button", onclick: async () => {
    try { await navigator.clipboard.writeText(command); said.textContent = "copied"; }
    catch { getSelection().selectAllChildren(text); said.textContent = "selected: copy it with the keyboard"; }
  }}, "Copy"), said);
}

function detail(board, row, span) {
  const item = (term, ...what) => what.some(Boolean) ? [h("dt", {}, term), h("dd", {}, ...what)] : [];
  const notes = new Set(row.scores.map(found => found && found[4]));
  const scores = board.metrics.flatMap((m, i) => row.scores[i] ? item(m, fixed(row.scores[i][0]) || "undefined",
    row.scores[i][1] === null ? "" : ` (${interval(...row.scores[i].slice(1, 4))})`, notes.size > 1 && row.scores[i][4] ? ` ${row.scores[i][4]}` : "") : []);
  const facts = h("dl", {}, ...item("status", row.status === "ok" ? "" : `${row.status}: ${row.reason || "no reason given"}`), ...scores,
    ...item("note", notes.size === 1 ? [...notes][0] || "" : ""), ...item("ties, rank", [row.letters, row.rank ? row.rank.join("–") : ""].filter(Boolean).join(", ")),
    ...item("backbone", row.label === row.backbone ? "" : row.backbone), ...item("seed", String(row.seed)), ...item("trust", row.trust),
    ...item("record", row.record ? h("a", {href: link(row.record)}, row.record) : ""),
    ...item("this row", h("a", {href: `#cell=${encodeURIComponent(row.cell)}`}, `#cell=${row.cell}`)));
  return h("tr", {class: "detail", id: `row-${row.cell}`}, h("td", {colSpan: span}, h("div", {class: "inside"},
    h("div", {}, facts, repeat(row.command)), scatter(board, row, wide(board.box, 0.5)))));
}

const wide = (el, part) => Math.round(Math.max(290, Math.min(620, el.clientWidth * (el.clientWidth > 760 ? part : 1) - 28)));

function figures(board) {
  const rows = board.shown.filter(ok), width = wide(board.figures, 0.5);
  const has = axis => board.rows.some(r => ok(r) && r[axis] > 0);
  board.axis ||= Object.keys(COSTS).find(has) || "images_per_s";
  const axis = h("select", {"aria-label": "Cost", onchange: event => { board.axis = event.target.value; figures(board); board.figures.querySelector(".axis").focus(); }, class: "axis"},
    ...Object.entries(COSTS).map(([key, label]) => h("option", {value: key, selected: key === board.axis, disabled: !has(key)}, label)));
  const able = rows.filter(r => r.scatter && !r.scatter.why);
  const row = rows.includes(board.chosen) ? board.chosen : able[0] || rows[0];
  const pick = h("select", {"aria-label": "Row", class: "pick", onchange: event => { board.chosen = able[event.target.value]; figures(board); board.figures.querySelector(".pick").focus(); }},
    ...able.slice(0, 200).map((r, i) => h("option", {value: String(i), selected: r === row}, named(r) + (board.seeds ? `, seed ${r.seed}` : ""))));
  const many = rows.length > FOREST ? ` The first ${FOREST} of ${rows.length} rows.` : "";
  board.figures.replaceChildren(...(rows.length && board.metrics.length ? [
    figure(`${board.metrics[0]} with 95 % interval`, forest(board, rows, width),
      ` ${rows.some(r => r.letters) ? "Rows that share a letter cannot be told apart." : "No letters: no ranking is claimed."} Hollow: controls. Broken line: unreliable.${many}`),
    figure(`${board.metrics[0]} against cost`, costs(board, rows, board.axis, width), h("label", {}, " Cost: ", axis)),
    row ? (found => { if (able.length > 1) found.querySelector("figcaption").append(h("label", {}, " Row: ", pick)); return found; })(scatter(board, row, width)) : "",
  ].filter(Boolean) : []));
}

function paint(board, wait = 0) {  // while someone types, the figures wait
  if (!board.stale) return;
  board.stale = false;
  board.section.style.minHeight = "";
  table(board);
  clearTimeout(board.later);
  if (wait) board.later = setTimeout(figures, wait, board);
  else figures(board);
}

function section(board) {
  board.box = h("div", {class: "table"});
  board.figures = h("div", {class: "figures"});
  const legend = new Map(board.rows.filter(r => r.backbone.includes("[")).map(r => [r.label, `${r.label}: ${r.backbone.slice(r.backbone.indexOf("[") + 1).replace(/\]\*?$/, "")}`]));
  const said = [...board.notes, ...[...legend.values()].sort()];
  board.section = h("section", {id: `board-${board.slug}`, class: "board", tabindex: "-1"},
    h("h2", {}, `${board.task} · ${board.dataset}`, board.mode ? h("span", {}, ` ${board.mode}`) : ""),
    h("p", {class: "quiet"}, `Version ${board.version}. `, board.about.join(". ").replace(/\.\. /g, ". ")),
    board.box, ...(said.length ? [h("ul", {class: "notes"}, ...said.map(n => h("li", {}, n)))] : []),
    repeat(board.command), board.figures);
  board.section.board = board;
  byId(board.archived ? "archive" : "boards").append(board.section);
}
