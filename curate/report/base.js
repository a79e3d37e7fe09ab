"use strict";
// Sorting by a click on a column's title, a search in long tables, links into folds. The page is complete without it.
(() => {
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const was = head.getAttribute("aria-sort");
        const down = was ? was === "ascending" : numeric; // numbers start with the largest
        const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
        const compare = (a, b) => {
          const x = key(a), y = key(b);
          return x !== "" && y !== "" && !isNaN(x) && !isNaN(y) ? x - y : x.localeCompare(y);
        };
        const rows = [...body.rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...rows);
      });
    });
    if (table.classList.contains("searchable") && body.rows.length >= 8) addSearch(table, [...body.rows]);
  }

  function addSearch(table, rows) {
    const line = document.createElement("p"), box = document.createElement("input"), said = document.createElement("output");
    const label = document.createElement("label");
    line.className = "filter find";
    box.type = "search";
    box.placeholder = "any word of a row";
    label.append("Find ", box);
    line.append(label, said);
    table.before(line);
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        const hit = words.every((word) => text.includes(word));
        row.classList.toggle("out", !hit);
        shown += hit;
      }
      said.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
  }

  // The id in an address; one with a malformed % is taken as it is.
  function named(hash) {
    try {
      return decodeURIComponent(hash);
    } catch {
      return hash;
    }
  }

  // A link to something folded opens it and everything around it.
  const reveal = () => {
    const target = document.getElementById(named(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  // A second click on the same link doesn't change the hash, but has to open what was folded since.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (link && link.hash === location.hash) setTimeout(reveal);
  });

  // Paper has no folds to open.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.on-paper:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });
})();
