
// The filter over rules.
(() => {
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
