(() => {
  "use strict";
  const form = document.querySelector("form.filter");
  const clauses = [...document.querySelectorAll("details.clause")];
  const red = new Set(["error", "fail", "inconclusive", "no-proof"]);
  const proven = new Set(["pass", "pass-stand-in"]);
  const wanted = (choice, slug) =>
    !choice || (choice === "!red" ? red.has(slug) : choice === "!unproven" ? !proven.has(slug) : choice === slug);
  const texts = new Map();
  const text = (clause) => {
    if (!texts.has(clause)) texts.set(clause, clause.textContent.toLowerCase());
    return texts.get(clause);
  };
  const filter = () => {
    const { text: search, verdict, tier, chapter } = form.elements;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const clause of clauses) {
      const cases = clause.dataset.cases.trim().split(/\s+/).map((one) => one.split(":"));
      const shown =
        (!chapter.value || clause.dataset.chapter === chapter.value) &&
        cases.some(([where, slug]) => (!tier.value || where === tier.value) && wanted(verdict.value, slug)) &&
        words.every((word) => text(clause).includes(word));
      clause.hidden = !shown;
      left += shown;
    }
    for (const part of document.querySelectorAll("section.chapter"))
      part.hidden = !part.querySelector("details.clause:not([hidden])");
    form.querySelector("output").textContent = `${left} of ${clauses.length} clauses`;
  };
  const toggle = form.elements.open;
  toggle.addEventListener("click", () => {
    const open = toggle.textContent === "Open all";
    for (const clause of clauses) if (!clause.hidden) clause.open = open;
    toggle.textContent = open ? "Close all" : "Open all";
  });
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!(target instanceof HTMLDetailsElement)) return;
    if (target.hidden) { form.reset(); filter(); }
    target.open = true;
    target.scrollIntoView();
    target.querySelector("summary").focus({ preventScroll: true });
  };
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = clauses.filter((clause) => !clause.open);
    for (const clause of opened) clause.open = true;
  });
  addEventListener("afterprint", () => { for (const clause of opened) clause.open = false; });
  addEventListener("hashchange", reveal);
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
  reveal();
})();
