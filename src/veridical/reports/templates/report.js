"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; });

  const cards = document.getElementById("cards");
  if (cards) {
    const search = document.getElementById("search"), order = document.getElementById("order"), found = document.getElementById("found");
    const all = [...cards.children];
    search.disabled = order.disabled = false;
    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase();
      let count = 0;
      for (const card of all) { card.hidden = !card.dataset.name.includes(wanted); count += !card.hidden; }
      found.textContent = wanted ? `${count} of ${all.length}` : "";
    });
    order.addEventListener("change", () => {
      const by = order.value === "name" ? (a, b) => a.dataset.name.localeCompare(b.dataset.name) : (a, b) => a.dataset.place - b.dataset.place;
      cards.append(...all.toSorted(by));
    });
  }

  const SVG = "http://www.w3.org/2000/svg";
  const svg = (name, values, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(values)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const html = (name, text) => { const node = document.createElement(name); if (text !== undefined) node.textContent = text; return node; };
  const percent = (share) => `${(share * 100).toFixed(share >= 0.1 ? 0 : 1)} %`;
  const short = (text) => text.length > 13 ? `${text.slice(0, 12)}…` : text;

  const heat = (pair, cells, paint, label) => {
    const longest = (names) => Math.max(...names.map((name) => short(name).length), 1);
    const wide = pair.cols.length, tall = pair.rows.length, left = Math.max(14 + 6.2 * longest(pair.rows), 4.4 * longest(pair.cols)), top = 4, size = 22;
    const chart = svg("svg", { viewBox: `0 0 ${left + wide * size + 4} ${top + tall * size + 18 + 4.8 * longest(pair.cols)}`, role: "img", "aria-label": label });
    cells.forEach((share, index) => {
      const row = Math.floor(index / wide), col = index % wide;
      const [fill, opacity] = paint(share);
      const cell = svg("rect", { x: left + col * size, y: top + row * size, width: size - 1, height: size - 1, fill, "fill-opacity": opacity });
      cell.append(svg("title", {}, `${pair.a} ${pair.rows[row]}, ${pair.b} ${pair.cols[col]}: ${percent(share)}`));
      chart.append(cell);
    });
    pair.rows.forEach((name, row) => chart.append(svg("text", { x: left - 5, y: top + row * size + 15, "text-anchor": "end" }, short(name))));
    pair.cols.forEach((name, col) => {
      const x = left + col * size + 14, y = top + tall * size + 6;
      chart.append(svg("text", { x, y, "text-anchor": "end", transform: `rotate(-50 ${x} ${y})` }, short(name)));
    });
    return chart;
  };

  // Bins that nobody is in, on either side, only take room.
  const filled = (pair) => {
    const wide = pair.cols.length, used = (index) => pair.real[index] > 0 || pair.synthetic[index] > 0;
    const rows = pair.rows.map((_, row) => row).filter((row) => pair.cols.some((_, col) => used(row * wide + col)));
    const cols = pair.cols.map((_, col) => col).filter((col) => pair.rows.some((_, row) => used(row * wide + col)));
    const kept = (cells) => rows.flatMap((row) => cols.map((col) => cells[row * wide + col]));
    return { ...pair, rows: rows.map((row) => pair.rows[row]), cols: cols.map((col) => pair.cols[col]), real: kept(pair.real), synthetic: kept(pair.synthetic) };
  };

  const data = document.getElementById("pair-data");
  if (data) {
    const pairs = JSON.parse(data.textContent), place = document.getElementById("joint");
    const open = (index) => {
      const pair = filled(pairs[index]);
      const most = Math.max(...pair.real, ...pair.synthetic, 1e-9);
      const gap = pair.synthetic.map((share, i) => share - pair.real[i]);
      const widest = Math.max(...gap.map(Math.abs), 1e-9);
      const box = html("div");
      box.className = "joints";
      const views = [
        ["real", pair.real, (s) => ["var(--real)", Math.sqrt(s / most)]],
        ["synthetic", pair.synthetic, (s) => ["var(--synthetic)", Math.sqrt(s / most)]],
        ["synthetic minus real", gap, (s) => [s > 0 ? "var(--synthetic)" : "var(--real)", Math.abs(s) / widest]],
      ];
      for (const [name, cells, paint] of views) {
        const figure = html("figure");
        figure.append(html("figcaption", name), heat(pair, cells, paint, `${name}: ${pair.a} by ${pair.b}`));
        box.append(figure);
      }
      const line = html("p", `Total variation ${pair.distance}, by chance ${pair.floor}. Largest difference ${percent(widest)} of rows.`);
      line.className = "quiet";
      place.replaceChildren(html("h3", `${pair.a} × ${pair.b}`), line, box);
      for (const button of document.querySelectorAll(".matrix [data-pair]")) button.setAttribute("aria-pressed", String(Number(button.dataset.pair) === index));
    };
    for (const button of document.querySelectorAll("[data-pair]")) {
      button.addEventListener("click", () => {
        open(Number(button.dataset.pair));
        if (innerWidth < 1100) place.scrollIntoView({ block: "nearest" });
      });
    }
    if (pairs.length) open(0);
  }

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  if ("IntersectionObserver" in window) {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of links.values()) link.classList.remove("here");
        links.get(entry.target.id)?.classList.add("here");
      }
    }, { rootMargin: "0px 0px -75% 0px" });
    for (const id of links.keys()) { const heading = document.getElementById(id); if (heading) watch.observe(heading); }
  }
  addEventListener("beforeprint", () => { for (const more of document.querySelectorAll("details")) more.open = true; });
})();
