
// The filter over examples: by verdict, kind of error, doubt, words; some at a time. The page is complete without it.
(() => {
  const form = document.querySelector("form.examples");
  if (!form) return;
  const STEP = 12;
  const cards = [...document.querySelectorAll("article.pair")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const [words, kind, doubt] = ["#words", "#kind", "#in-doubt"].map((name) => form.querySelector(name));
  const boxes = [...form.querySelectorAll(".check input[value]")].filter((box) => box !== doubt);
  const more = document.createElement("button");
  more.type = "button";
  more.className = "more";
  document.querySelector(".pairs").after(more);
  let room = STEP;
  const apply = () => {
    const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let hits = 0;
    cards.forEach((card, place) => {
      const hit =
        wanted.has(card.dataset.verdict) &&
        (!kind.value || card.dataset.kinds.split(" ").includes(kind.value)) &&
        (!doubt.checked || "doubt" in card.dataset) &&
        asked.every((word) => texts[place].includes(word));
      hits += hit;
      card.hidden = !hit || hits > room;
    });
    form.querySelector("output").textContent = `${hits} of ${cards.length} examples`;
    more.hidden = hits <= room;
    more.textContent = `Show ${Math.min(STEP, hits - room)} more of ${hits - room}`;
  };
  const anew = () => {
    room = STEP;
    apply();
  };
  more.addEventListener("click", () => {
    room += STEP;
    apply();
  });
  // A link to the examples may ask for some of them.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-kind], a[data-labels]");
    if (!link) return;
    words.value = "";
    kind.value = link.dataset.kind ?? "";
    doubt.checked = "labels" in link.dataset;
    for (const box of boxes) box.checked = true;
    anew();
  });
  form.addEventListener("input", anew);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
