"use strict";
(() => {
  const unfold = () => {
    const line = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = line && line.matches("tbody.line") && line.querySelector("details");
    if (details) { line.hidden = false; details.open = true; }
  };
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
