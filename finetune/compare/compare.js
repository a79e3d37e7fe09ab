
// The filter over examples: by verdict, by words. The page is whole without it.
(() => {
  const form = document.querySelector("form.examples");
  if (!form) return;
  const cards = [...document.querySelectorAll("article.pair")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const apply = () => {
    const words = form.querySelector("#words").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set([...form.querySelectorAll("input:checked")].map((box) => box.value));
    let shown = 0;
    cards.forEach((card, place) => {
      const hit = wanted.has(card.dataset.verdict) && words.every((word) => texts[place].includes(word));
      card.hidden = !hit;
      shown += hit;
    });
    form.querySelector("output").textContent = `${shown} of ${cards.length} examples`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
