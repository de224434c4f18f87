// Makes the pages quicker to use. Everything works without it: forms, links and charts are the server's.

const say = (...parts) => document.getElementById("said").replaceChildren(...parts);

// --- going from page to page without losing the place -------------------------------------------------------------

let latest = 0;
let reload = 0; // of a page that waits for something: it must not overtake what a person chooses

async function go(address, push = true, isReload = false) {
  stopWriting();
  clearTimeout(reload);
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
  const typed = isReload && document.activeElement?.matches?.("textarea, input") ? document.activeElement.value : null;
  const isSameView = new URL(address, location.href).pathname === location.pathname;
  if (push) history.pushState(null, "", address);
  document.title = page.title;
  document.querySelector("header.top").replaceWith(page.querySelector("header.top"));
  document.getElementById("main").replaceWith(page.getElementById("main"));
  document.body.dataset.cursor = page.body.dataset.cursor;
  document.body.classList.remove("busy");
  beginCharts();
  const again = isSameView && focused ? document.getElementById(focused) : null;
  if (again) {
    again.focus({ preventScroll: true });
    if (typed !== null) again.value = typed; // what is being typed while the page loads itself again
  } else if (push) { document.getElementById("main").focus({ preventScroll: true }); if (!isSameView) scrollTo(0, 0); }
  begin(page.body.dataset.waits);
}

function addressOf(form) {
  const address = new URL(form.action);
  address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
  return address.href;
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.id === "write") write(event.target);
  else go(addressOf(event.target));
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
  beginWriting();
  if (waits) reload = setTimeout(() => go(location.href, false, true), 1500);
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

// --- charts: what is under the pointer ----------------------------------------------------------------------------

const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
document.body.append(tip);
const REACH = 24; // pixels

function pointIn(chart, event) {
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

// --- a part of a chart is chosen by drawing across it: with a mouse, a finger or the arrow keys -------------------

const SVG = "http://www.w3.org/2000/svg";
const between = (value, low, high) => Math.min(Math.max(value, low), high);

let brush = null; // the rectangle that is being drawn

function beginCharts() {
  for (const chart of document.querySelectorAll("svg.chart[data-brush]")) chart.tabIndex = 0;
}

function frameOf(chart) {
  const [left, right, bottom, top] = chart.dataset.frame.split(",").map(Number);
  return { left, right, bottom, top };
}

function beginBrush(chart, from) {
  const box = document.createElementNS(SVG, "rect");
  box.setAttribute("class", "brush");
  brush = { chart, from, to: null, frame: frameOf(chart), box, hasHeight: chart.dataset.brush === "xy" };
}

function stretchBrush([x, y]) {
  const { chart, from, frame, box, hasHeight } = brush;
  const to = [between(x, frame.left, frame.right), between(y, frame.top, frame.bottom)];
  if (Math.hypot(to[0] - from[0], hasHeight ? to[1] - from[1] : 0) < 6) return;
  brush.to = to;
  const [start, end] = hasHeight ? [from[1], to[1]] : [frame.top, frame.bottom];
  box.setAttribute("x", Math.min(from[0], to[0]));
  box.setAttribute("y", Math.min(start, end));
  box.setAttribute("width", Math.abs(to[0] - from[0]));
  box.setAttribute("height", Math.abs(end - start));
  if (!box.isConnected) chart.append(box);
}

function dropBrush() {
  brush?.box.remove();
  brush = null;
}

function endBrush() {
  const { chart, from, to, frame, hasHeight } = brush;
  dropBrush();
  if (!to) return false;
  const address = new URL(location.href);
  const set = (axis, one, other, start, end) => {
    const [low, high, isLog] = chart.dataset[axis].split(",").map(Number);
    const value = (pixel) => {
      const share = (pixel - start) / (end - start);
      return isLog ? low * (high / low) ** share : low + share * (high - low);
    };
    const ends = [value(one), value(other)].sort((a, b) => a - b).map((end) => Number(end.toPrecision(4)));
    address.searchParams.set(`${axis}_from`, ends[0]);
    address.searchParams.set(`${axis}_to`, ends[1]);
  };
  set("x", from[0], to[0], frame.left, frame.right);
  if (hasHeight) set("y", from[1], to[1], frame.bottom, frame.top);
  address.searchParams.delete("page");
  go(address.href);
  return true;
}

document.addEventListener("pointerdown", (event) => {
  const chart = event.target.closest?.("svg.chart[data-brush]");
  if (!chart || event.button !== 0 || !event.isPrimary) return;
  const { left, right, bottom, top } = frameOf(chart);
  const [x, y] = pointIn(chart, event);
  if (x < left || x > right || y < top || y > bottom) return;
  beginBrush(chart, [x, y]);
  if (!event.target.closest("a")) event.preventDefault();
});
document.addEventListener("pointermove", (event) => { if (brush) stretchBrush(pointIn(brush.chart, event)); });
document.addEventListener("pointercancel", dropBrush); // a finger scrolls the page
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("svg.chart")) event.preventDefault(); }); // a point is a link
document.addEventListener("pointerup", () => {
  if (!brush || !endBrush()) return;
  document.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
  setTimeout(() => document.dispatchEvent(new Event("click")), 0); // where no click follows, the listener above goes
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 0.02; // of the frame; five times as far with Shift
let cross = null; // where the arrow keys are in a chart

function moveCross(chart, [right, down], steps) {
  const { left, right: end, bottom, top } = frameOf(chart);
  if (cross?.chart !== chart) {
    dropCross();
    cross = { chart, at: [(left + end) / 2, (bottom + top) / 2], mark: document.createElementNS(SVG, "path") };
    cross.mark.setAttribute("class", "cross");
    chart.append(cross.mark);
  }
  cross.at[0] = between(cross.at[0] + right * steps * STEP * (end - left), left, end);
  cross.at[1] = between(cross.at[1] + down * steps * STEP * (bottom - top), top, bottom);
  const lying = chart.dataset.brush === "xy" ? `M${left} ${cross.at[1]}H${end}` : "";
  cross.mark.setAttribute("d", `M${cross.at[0]} ${top}V${bottom}${lying}`);
  if (brush) stretchBrush(cross.at);
}

function dropCross() {
  cross?.mark.remove();
  cross = null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { unmark(); dropBrush(); dropCross(); say(); }
  const chart = event.target;
  if (!chart.matches?.("svg.chart[data-brush]")) return;
  if (ARROWS[event.key]) moveCross(chart, ARROWS[event.key], event.shiftKey ? 5 : 1);
  else if (event.key !== "Enter") return;
  else if (brush) endBrush();
  else { moveCross(chart, [0, 0], 0); beginBrush(chart, [...cross.at]); }
  event.preventDefault();
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("svg.chart[data-brush]:focus-visible")) say("Arrow keys move, Enter begins and ends the part to look at, Escape gives up.");
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches?.("svg.chart[data-brush]")) { dropBrush(); dropCross(); say(); }
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

// --- the playground: what models write, as they write it ----------------------------------------------------------

let writing = null; // an AbortController while something is written
const talks = new Map(); // by side and run: what was said and written

function stopWriting() {
  writing?.abort();
  writing = null;
}

function beginWriting() {
  for (const number of document.querySelectorAll("input[data-ends]")) {
    const [min, max, step] = number.dataset.ends.split(" ");
    const slider = Object.assign(document.createElement("input"), { type: "range", min, max, step, value: number.value });
    slider.setAttribute("aria-label", `${number.labels[0].textContent}, as a slider`);
    slider.addEventListener("input", () => { number.value = slider.value; });
    number.addEventListener("input", () => { slider.value = number.value; });
    number.after(slider);
  }
  for (const side of document.querySelectorAll("[data-run]")) for (const exchange of talkOf(side)) showExchange(side, exchange);
}

const talkKey = (side) => `${side.dataset.side} ${side.dataset.run}`;
const talkOf = (side) => talks.get(talkKey(side)) ?? [];

function spans(parts) { // text, with what acts or hides as marks
  return parts.map(([text, name]) => {
    if (!name) return text;
    return Object.assign(document.createElement("span"), { className: "mark", title: name, textContent: text });
  });
}

function element(tag, className, ...children) {
  const made = Object.assign(document.createElement(tag), { className });
  made.append(...children);
  return made;
}

function showExchange(side, exchange) {
  const list = side.querySelector(".chat");
  if (!list) return null;
  const [said, written] = [exchange.saidPieces, exchange.pieces].map((parts) => element("span", "written", ...spans(parts)));
  said.dir = written.dir = "ltr";
  list.append(
    element("li", "right", element("span", "who", side.dataset.person), said),
    element("li", "own", element("span", "who", side.dataset.partner), written),
  );
  return { said, written };
}

async function write(form) {
  stopWriting();
  const address = addressOf(form);
  history.replaceState(null, "", address);
  const mine = writing = new AbortController();
  const line = document.getElementById("say");
  const say = line?.value ?? "";
  if (line) line.value = "";
  document.getElementById("stop-writing").disabled = false;
  const query = new URL(address).search.slice(1);
  await Promise.all([...document.querySelectorAll("[data-run]")].map((side) => writeSide(side, query, say, mine)));
  if (writing !== mine) return;
  writing = null;
  document.getElementById("stop-writing").disabled = true;
}

async function writeSide(side, query, say, mine) {
  const says = side.querySelector(".says");
  const talk = talkOf(side);
  const exchange = { said: say, saidPieces: [], written: "", pieces: [] };
  const isChat = side.querySelector(".chat") !== null;
  const bubbles = isChat ? showExchange(side, exchange) : null;
  bubbles?.written.closest("li").scrollIntoView({ block: "nearest" });
  const out = bubbles?.written ?? side.querySelector(".out");
  out.replaceChildren();
  side.querySelector(".tokens")?.replaceChildren();
  says.classList.remove("warn");
  says.textContent = "Writing …";
  try {
    const exchanges = talk.map(({ said, written }) => ({ said, written }));
    const body = JSON.stringify({ side: side.dataset.side, query, say, exchanges });
    const answer = await fetch("/write", { method: "POST", headers: { "content-type": "application/json" }, body, signal: mine.signal });
    if (!answer.ok) throw new Error(await answer.text());
    for await (const event of eventsOf(answer.body)) {
      if (event.error) throw new Error(event.error);
      if (event.said) {
        exchange.saidPieces = event.said;
        bubbles.said.append(...spans(event.said));
      }
      if (event.prompt) out.append(element("span", "quiet", ...spans(event.prompt)));
      if (event.pieces) {
        exchange.written += event.text;
        exchange.pieces.push(...event.pieces);
        out.append(...spans(event.pieces));
      }
      if (event.done) showEnd(side, says, event.done);
    }
  } catch (error) {
    says.classList.toggle("warn", !mine.signal.aborted);
    says.textContent = mine.signal.aborted ? "Stopped." : error.message;
    says.scrollIntoView({ block: "nearest" });
  }
  if (!isChat) return;
  if (exchange.written || !says.classList.contains("warn")) talks.set(talkKey(side), [...talk, exchange]);
  else {
    for (const bubble of [bubbles.said, bubbles.written]) bubble.closest("li").remove();
    document.getElementById("say").value ||= say; // not lost
  }
}

function showEnd(side, says, done) {
  says.textContent = done.says;
  const tokens = side.querySelector(".tokens");
  if (!tokens || !done.tokens.length) return;
  const chips = done.tokens.map((token) => {
    const chip = element("span", `tok ${token.level}`, ...spans(token.pieces));
    chip.title = `probability ${token.probability}`;
    return chip;
  });
  const box = element("div", "written toks", ...chips);
  box.dir = "ltr";
  tokens.replaceChildren(element("details", "", element("summary", "", "Its tokens, the darker the more probable"), box));
}

async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let held = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (held + value).split("\n\n");
    held = parts.pop();
    for (const part of parts) yield JSON.parse(part.slice("data: ".length));
  }
}

document.addEventListener("click", (event) => {
  if (event.target.id === "stop-writing") { stopWriting(); event.target.disabled = true; }
  if (event.target.id === "start-over") {
    stopWriting();
    talks.clear();
    for (const list of document.querySelectorAll("[data-run] .chat")) list.replaceChildren();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.id === "say" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});
beginCharts();
begin(document.body.dataset.waits);
