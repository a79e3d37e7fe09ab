"use strict";
// Sorting by a click on a column's title, and the filter over rules. The page is whole without it.
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
  }
  // A link to something folded opens it and what it stands in.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  const form = document.querySelector("form.filter");
  if (!form) return;
  const rows = [...document.querySelectorAll("tr.rule")];
  const remarks = document.getElementById("remarks");
  const apply = () => {
    const words = form.querySelector("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
    let shown = 0, remarked = false;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const hit = wanted.has(row.dataset.sev) && words.every((word) => text.includes(word));
      row.hidden = !hit;
      document.getElementById(row.dataset.for).hidden = !hit;
      shown += hit;
      remarked ||= hit && row.dataset.sev === "info";
    }
    if (remarks) {
      remarks.hidden = !remarked;
      if (words.length && remarked) remarks.open = true;
    }
    form.querySelector("output").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rules`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
