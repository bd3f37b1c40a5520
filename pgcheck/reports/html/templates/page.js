"use strict";
(() => {
  const unfold = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.hidden = false;
    const own = target.matches("details") ? target : target.matches("tbody.line") && target.querySelector("details");
    for (let around = own || target; around; around = around.parentElement) if (around.matches("details")) around.open = true;
    target.scrollIntoView();
  };
  const slides = Array.from(document.querySelectorAll(".slide"));
  const turns = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
  if (slides.length) addEventListener("keydown", (event) => {
    if (!(event.key in turns) || event.target.closest(".scroll, summary, a")) return;
    event.preventDefault();
    const now = slides.findLastIndex((slide) => slide.getBoundingClientRect().top < innerHeight / 2);
    slides[Math.min(Math.max(now + turns[event.key], 0), slides.length - 1)].scrollIntoView();
  });
  for (const form of document.querySelectorAll("form.filters")) {
    const lines = Array.from(document.getElementById(form.dataset.table).tBodies, (body) => ({
      body,
      details: body.querySelector("details"),
      text: (body.rows[0].textContent + " " + body.querySelector("summary").textContent).toLowerCase(),
      sensitive: body.dataset.sensitive.split(" "),
    }));
    const asked = form.elements;
    const show = () => {
      const words = asked.q.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { body, text, sensitive } of lines) {
        const fits = words.every((word) => text.includes(word))
          && (!asked.verdict.value || body.dataset.verdict === asked.verdict.value)
          && (!asked.sensitive.value || sensitive.includes(asked.sensitive.value))
          && (!asked.privileged.value || body.dataset.privileged === asked.privileged.value);
        body.hidden = !fits;
        shown += fits;
      }
      form.querySelector("output").textContent = `${shown} of ${lines.length} rows`;
    };
    form.addEventListener("input", show);
    form.addEventListener("change", show);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(show));
    for (const button of form.querySelectorAll("button[data-open]")) {
      button.addEventListener("click", () => {
        for (const { body, details } of lines) if (!button.dataset.open || !body.hidden) details.open = Boolean(button.dataset.open);
      });
    }
    form.hidden = false;
    show();
  }
  addEventListener("hashchange", unfold);
  unfold();
})();
