"use strict";
// Without a script the page says when it was made; with one it replaces itself, and says so when it cannot:
// a page that stopped must never look like a system that is well.
(() => {
  const wait = Number(document.body.dataset.refresh);
  let seen = Date.now();
  const step = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store", signal: AbortSignal.timeout(wait) });
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of ["verdict", "figures", "stamp"]) {
        const now = document.getElementById(id), next = fresh.getElementById(id);
        // An unchanged part is left alone, so that a screen reader is not told the same thing twelve times a minute.
        if (now && next && now.outerHTML !== next.outerHTML) { now.className = next.className; now.replaceChildren(...next.childNodes); }
      }
      document.title = fresh.title;
      document.body.classList.remove("is-lost");
      seen = Date.now();
    } catch {
      document.getElementById("lost-for").textContent = Math.round((Date.now() - seen) / 1000) + " s";
      document.body.classList.add("is-lost");
    }
    setTimeout(step, wait);
  };
  setTimeout(step, wait);
})();
