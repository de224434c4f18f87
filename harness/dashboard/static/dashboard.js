// Makes the pages quicker to use. Everything works without it: forms, links and charts are the server's.

const say = (...parts) => document.getElementById("said").replaceChildren(...parts);

// --- going from page to page without losing the place -------------------------------------------------------------

let latest = 0;

async function go(address, push = true) {
  const number = ++latest;
  document.body.classList.add("busy");
  let page;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (!(answer.headers.get("content-type") ?? "").startsWith("text/html")) throw new Error("no page");
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    if (push) location.assign(address); // the browser says what is wrong
    return;
  }
  if (number !== latest) return; // a later choice has overtaken this one
  const focused = document.activeElement?.id;
  const isSameView = new URL(address, location.href).pathname === location.pathname;
  if (push) history.pushState(null, "", address);
  document.title = page.title;
  document.querySelector("header.top").replaceWith(page.querySelector("header.top"));
  document.getElementById("main").replaceWith(page.getElementById("main"));
  document.body.dataset.cursor = page.body.dataset.cursor;
  document.body.classList.remove("busy");
  if (isSameView && focused && document.getElementById(focused)) document.getElementById(focused).focus({ preventScroll: true });
  else if (push) { document.getElementById("main").focus({ preventScroll: true }); if (!isSameView) scrollTo(0, 0); }
  begin(page.body.dataset.waits);
}

function addressOf(form) {
  const address = new URL(form.action);
  address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
  return address.href;
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  go(addressOf(event.target));
});
document.addEventListener("change", (event) => {
  if (event.target.matches("select, input[type=checkbox], input[type=radio]") && event.target.form) go(addressOf(event.target.form));
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.hasAttribute("download") || link.getAttribute("href").startsWith("#")) return;
  const address = link.href.baseVal ?? link.href;
  if (new URL(address, location.href).origin !== location.origin) return;
  event.preventDefault();
  go(new URL(address, location.href).href);
});
addEventListener("popstate", () => go(location.href, false));

function begin(waits) {
  if (waits) setTimeout(() => go(location.href, false), 1500);
  const bar = document.querySelector(".folder");
  if (bar && navigator.clipboard) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "plain", id: "copy", textContent: "Copy link" });
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied.");
      setTimeout(() => say(), 2500);
    });
    bar.after(button);
  }
}
begin(document.body.dataset.waits);

// --- charts: what is under the pointer, and brushes ---------------------------------------------------------------

const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
document.body.append(tip);
const REACH = 24; // pixels

function placeIn(chart, event) {
  const box = chart.getBoundingClientRect();
  const scale = chart.viewBox.baseVal.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function nearest(chart, event) {
  const under = event.target.closest?.("path, circle, rect");
  if (under?.querySelector("title") && !under.classList.contains("area")) return under;
  let best = null, least = REACH;
  for (const mark of chart.querySelectorAll(".dot")) {
    if (!mark.querySelector("title")) continue;
    const box = mark.getBoundingClientRect();
    const away = Math.hypot(box.left + box.width / 2 - event.clientX, box.top + box.height / 2 - event.clientY);
    if (away < least) [best, least] = [mark, away];
  }
  return best ?? (under?.querySelector("title") ? under : null);
}

let marked = null;
function unmark() {
  marked?.classList.remove("near");
  marked = null;
  tip.hidden = true;
}

document.addEventListener("pointermove", (event) => {
  const chart = event.target.closest?.("svg.chart");
  if (!chart || brush) return brush || unmark();
  const mark = nearest(chart, event);
  if (mark !== marked) {
    unmark();
    marked = mark;
    mark?.classList.add("near");
    tip.textContent = mark?.querySelector("title").textContent ?? "";
  }
  tip.hidden = !mark;
  tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 16}px`;
});

let brush = null;
document.addEventListener("pointerdown", (event) => {
  const chart = event.target.closest?.("svg.chart[data-brush]");
  if (!chart || event.button !== 0 || event.pointerType === "touch") return;
  const [left, right, bottom, top] = chart.dataset.frame.split(",").map(Number);
  const [x, y] = placeIn(chart, event);
  if (x < left || x > right || y < top || y > bottom) return;
  brush = { chart, from: [x, y], frame: { left, right, bottom, top }, box: document.createElementNS("http://www.w3.org/2000/svg", "rect") };
  brush.box.setAttribute("class", "brush");
  if (!event.target.closest("a")) event.preventDefault();
});
document.addEventListener("pointermove", (event) => {
  if (!brush) return;
  const { chart, from, frame, box } = brush;
  const [x, y] = placeIn(chart, event);
  const both = chart.dataset.brush === "xy";
  const to = [Math.min(Math.max(x, frame.left), frame.right), both ? Math.min(Math.max(y, frame.top), frame.bottom) : frame.bottom];
  const start = [from[0], both ? from[1] : frame.top];
  if (Math.hypot(to[0] - from[0], both ? to[1] - from[1] : 0) < 6) return;
  brush.to = to;
  box.setAttribute("x", Math.min(start[0], to[0]));
  box.setAttribute("y", Math.min(start[1], to[1]));
  box.setAttribute("width", Math.abs(to[0] - start[0]));
  box.setAttribute("height", Math.abs(to[1] - start[1]));
  if (!box.isConnected) chart.append(box);
});
document.addEventListener("pointerup", () => {
  if (!brush) return;
  const { chart, from, to, frame, box } = brush;
  brush = null;
  box.remove();
  if (!to) return;
  document.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
  setTimeout(() => document.dispatchEvent(new Event("click")), 0); // where no click follows, the listener above goes
  const address = new URL(location.href);
  const set = (axis, one, other, start, end) => {
    const [low, high, isLog] = chart.dataset[axis].split(",").map(Number);
    const value = (place) => {
      const share = (place - start) / (end - start);
      return isLog ? low * (high / low) ** share : low + share * (high - low);
    };
    const ends = [value(one), value(other)].sort((a, b) => a - b).map((end) => Number(end.toPrecision(4)));
    address.searchParams.set(`${axis}_from`, ends[0]);
    address.searchParams.set(`${axis}_to`, ends[1]);
  };
  set("x", from[0], to[0], frame.left, frame.right);
  if (chart.dataset.brush === "xy") set("y", from[1], to[1], frame.bottom, frame.top);
  address.searchParams.delete("page");
  go(address.href);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { unmark(); brush?.box.remove(); brush = null; say(); }
});

// --- what is new --------------------------------------------------------------------------------------------------

async function poll() {
  if (!document.hidden) {
    try {
      const answer = await fetch(`/changes?since=${document.body.dataset.cursor}`);
      const news = await answer.json();
      document.body.dataset.cursor = news.cursor;
      if (news.live) {
        const live = document.getElementById("live");
        live?.replaceChildren(...new DOMParser().parseFromString(news.live, "text/html").body.childNodes);
        if (news.finished.length) {
          const link = Object.assign(document.createElement("a"), { href: location.href, textContent: "Show" });
          say(`${news.finished.length === 1 ? `${news.finished[0]} is new` : `${news.finished.length} runs are new`}. `, link);
          link.addEventListener("click", () => say());
        }
      }
    } catch { /* the server was stopped: the page stays as it is */ }
  }
  setTimeout(poll, 1000 * Number(document.body.dataset.poll));
}
setTimeout(poll, 1000 * Number(document.body.dataset.poll));
