// The search page: asks v1/search, and shows why each document was found. Whatever documents and queries hold is put
// into the page as text, never as markup.

const TEXT = {
  search: "Search", results: "Search results", language: "Language", by: "Search by", beside: "Compare with",
  words: "Words of the query", interface: "Language of this page", cancel: "Cancel", retry: "Try again",
  failed: "Something went wrong", nothing: "There were no results matching the query.",
  hint: "Point at a word, or press it, to see what it met in the documents.",
  guess: "automatic", best: "what was found best", alone: "nothing",
  asking: "Searching …", stopped: "The search was stopped.",
  slow: "This takes longer than usual. You can wait, or stop it.",
  busy: "Too many people are searching just now.", again: "It will be tried again in {0} s.",
  offline: "The service cannot be reached",
  offlineNext: "Look whether you are connected. It is tried again as soon as you are; what you typed is kept.",
  notGuessed: "Is it in {0}? If not, choose the language above.",
  spelling: "Look at the spelling, or use other words.", otherWay: "Or search in another way:",
  truncated: "The query is longer than the model reads: it searched by the query's beginning.",
  start: "Search {0} documents in {1}. You can ask in: {2}.", startTitle: "What are you looking for?",
  passage: "Show all of the passage", less: "Show less", document: "Show the whole document", table: "Why it was found",
  queryWord: "Word of the query", documentWord: "Word of the document", similarity: "Similarity",
  higher: "▲ {0} (was {1})", lower: "▼ {0} (was {1})", same: "= same place", only: "★ only here",
  absent: "not in the other list", expected: "Expected: {0}", remedy: "What to do: {0}", unreadable: "Its answer cannot be read.",
  fused: "model and words together", trained: "trained model", untrained: "untrained model", asTyped: "words as they are",
  dictionary: "dictionary", ofDocuments: "document model", credits: "Translations: {0}",
};
const WAYS = {
  fusion: "fused", "late-interaction/student": "trained", "late-interaction/teacher": "untrained", bm25: "asTyped",
  "lexicon-bm25": "dictionary",
};
const SLOW = 2000;
const SHOWN = 260;

const $ = (id) => document.getElementById(id);
const state = { languages: [], strings: {}, texts: TEXT, partOf: new Map(), running: null, timer: 0, pinned: null };

function say(name, ...values) {
  // Isolated, so that a name of another direction does not turn round what stands beside it (UAX #9, FSI … PDI).
  return (state.texts[name] ?? TEXT[name]).replace(/\{(\d)\}/g, (_, number) => isolated(values[number]));
}

const isolated = (text) => `\u2068${text}\u2069`;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// --- languages and ways ---------------------------------------------------------------------------------------------

function languageName(language) {
  let own = "";
  try {
    own = new Intl.DisplayNames([language.short], { type: "language", fallback: "none" }).of(language.short) ?? "";
  } catch { /* a browser that does not know the language */ }
  return own && own.toLowerCase() !== language.name.toLowerCase() ? `${language.name} · ${own}` : language.name;
}

const wayKey = (way) => (way.method === "late-interaction" ? `${way.method}/${way.reader}` : way.method);

function wayName(key, ofDocuments) {
  if (ofDocuments && key === "late-interaction/teacher") return say("ofDocuments");
  return WAYS[key] ? say(WAYS[key]) : key;
}

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, dir: "auto" }, text)));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
}

function showOptions(asked, guessed) {
  const guess = guessed ? `${say("guess")}: ${isolated(languageName(guessed))}` : say("guess");
  fill($("language"), [["", guess], ...state.languages.map((each) => [each.short, languageName(each)])], asked.language);
  const spoken = state.languages.find((each) => each.short === asked.language) ?? guessed;
  const ways = spoken ? spoken.ways : state.languages.flatMap((each) => each.ways);
  const keys = [...new Set(ways.map(wayKey))];
  for (const key of [asked.by, asked.beside]) if (key && !keys.includes(key)) keys.push(key);
  const named = keys.map((key) => [key, wayName(key, spoken?.of_documents)]);
  fill($("by"), [["", say("best")], ...named], asked.by);
  fill($("beside"), [["", say("alone")], ...named], asked.beside);
}

// --- what is asked --------------------------------------------------------------------------------------------------

function askedByAddress() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(["query", "language", "by", "beside"].map((name) => [name, given.get(name) ?? ""]));
}

function address(asked) {
  const given = new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  return given.size ? `?${given}` : "./";
}

function go(change) {
  const asked = { ...askedByForm(), ...change };
  history.pushState(null, "", address(asked));
  run();
}

function askedByForm() {
  return {
    query: $("query").value.trim(), language: $("language").value, by: $("by").value, beside: $("beside").value,
  };
}

class Failure extends Error {
  constructor(problem, wait) { super(problem.detail); this.problem = problem; this.wait = wait; }
}

async function fetched(path, options = {}) {
  const answer = await fetch(path, options);
  let content;
  try { content = await answer.json(); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure({ detail: `${answer.status} ${answer.statusText}`, remedy: say("unreadable") }, 0);
  }
  if (!answer.ok) throw new Failure(content, Number(answer.headers.get("retry-after")));
  return content;
}

function search(asked, by, signal) {
  const [method, reader] = by.split("/");
  const body = { query: asked.query, explain: true };
  if (asked.language) body.language = asked.language;
  if (method) body.method = method;
  if (reader) body.reader = reader;
  return fetched("v1/search", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal,
  });
}

async function run() {
  state.running?.abort();
  clearTimeout(state.timer);
  clearInterval(state.timer);
  const running = (state.running = new AbortController());
  const asked = askedByAddress();
  $("query").value = asked.query;
  document.title = asked.query ? `${asked.query} · ${say("search")}` : say("search");
  try {
    if (!state.languages.length) await open();
    showOptions(asked, null);
    if (!asked.query) return showStart();
    $("results").classList.add("waiting");
    $("status").textContent = say("asking");
    state.timer = setTimeout(() => showSlow(running), SLOW);
    const found = await search(asked, asked.by, running.signal);
    // The other list is asked in the language that the first was taken to be in.
    const same = { ...asked, language: asked.language || found.language };
    const other = asked.beside ? await search(same, asked.beside, running.signal) : null;
    if (state.running === running) show(asked, found, other);
  } catch (error) {
    if (state.running === running && error.name !== "AbortError") showFailure(error);
  } finally {
    if (state.running === running) $("results").classList.remove("waiting");
  }
}

// --- states ---------------------------------------------------------------------------------------------------------

function message(title, lines, actions = [], failed = false) {
  $("message").hidden = false;
  $("message").classList.toggle("failed", failed);
  $("message-title").textContent = title;
  $("message-text").replaceChildren(...lines.map((line) => element("p", { dir: "auto" }, line)));
  $("message-actions").replaceChildren(
    ...actions.map(([text, act]) => element("button", { type: "button", className: "plain", onclick: act }, text)),
  );
}

function clear() {
  clearTimeout(state.timer);
  $("message").hidden = true;
  $("asked").hidden = true;
  $("results").replaceChildren();
  $("status").textContent = "";
}

function showStart() {
  clear();
  const own = state.languages.find((each) => each.of_documents);
  const names = state.languages.map(languageName).join(", ");
  message(say("startTitle"), [say("start", state.documents.toLocaleString(), own.name, names)]);
}

function showSlow(running) {
  message(say("asking"), [say("slow")], [[say("cancel"), () => {
    running.abort();
    state.running = null;
    $("results").classList.remove("waiting");
    $("status").textContent = "";
    message(say("stopped"), [], [[say("retry"), run]]);
  }]]);
}

function showFailure(error) {
  clear();
  if (!(error instanceof Failure)) {
    addEventListener("online", run, { once: true });
    message(say("offline"), [say("offlineNext")], [[say("retry"), run]], true);
    return;
  }
  const { problem, wait } = error;
  if (problem.status === 503 && wait) {
    let left = wait;
    const tell = () => message(say("failed"), [say("busy"), say("again", left)], [[say("retry"), run]], true);
    tell();
    state.timer = setInterval(() => (--left > 0 ? tell() : run()), 1000);
    return;
  }
  const lines = [problem.detail];
  if (problem.expected) lines.push(say("expected", problem.expected));
  if (problem.remedy) lines.push(say("remedy", problem.remedy));
  message(say("failed"), lines, [[say("retry"), run]], true);
}

function showNothing(asked, found, spoken) {
  const lines = found.guessed ? [say("notGuessed", languageName(spoken))] : [];
  const others = spoken.ways.map(wayKey).filter((key) => key !== wayKey(found) && key !== asked.by);
  lines.push(say("spelling"));
  if (others.length) lines.push(say("otherWay"));
  message(say("nothing"), lines, others.map((key) => [wayName(key, spoken.of_documents), () => go({ by: key })]));
}

// --- results --------------------------------------------------------------------------------------------------------

function show(asked, found, other) {
  clear();
  const spoken = state.languages.find((each) => each.tag === found.language);
  showOptions(asked, found.guessed ? spoken : null);
  const name = found.guessed ? `${languageName(spoken)} (${isolated(say("guess"))})` : languageName(spoken);
  const lists = other ? [found, other] : [found];
  const seconds = (found.seconds + (other?.seconds ?? 0)).toFixed(2);
  $("status").textContent = `${say("results")}: ${found.hits.length} · ${isolated(name)} · ${isolated(`${seconds} s`)}`;
  if (lists.some((each) => each.truncated)) $("status").append(` · ${say("truncated")}`);
  if (!lists.some((each) => each.hits.length)) return showNothing(asked, found, spoken);
  showWords(lists, spoken);
  const box = element("div", { className: other ? "lists two" : "lists" });
  lists.forEach((list, number) => {
    const heading = element("h2", { dir: "auto" }, wayName(wayKey(list), spoken.of_documents));
    const former = number ? found.hits.map((hit) => hit.id) : null;
    const others = lists[1 - number]?.hits.map((hit) => hit.id);
    const items = list.hits.map((hit, rank) => showHit(hit, rank, moved(hit, rank, former, others)));
    const none = element("p", { className: "text", dir: "auto" }, say("nothing"));
    box.append(element("section", { className: "list" }, heading, items.length ? element("ol", { role: "list" }, ...items) : none));
  });
  $("results").append(box);
}

function moved(hit, rank, former, others) {
  if (!others) return "";
  if (!former) return others.includes(hit.id) ? "" : say("absent");
  const before = former.indexOf(hit.id);
  if (before < 0) return say("only");
  if (before === rank) return say("same");
  return say(before > rank ? "higher" : "lower", Math.abs(before - rank), before + 1);
}

// Spans that may overlap (a phrase and its words, pairs of letters) as pieces that do not, in order; each with the spans
// that it is a part of.
function cut(spans) {
  const borders = [...new Set(spans.flatMap(({ begin, end }) => [begin, end]))].sort((a, b) => a - b);
  return borders.slice(0, -1).flatMap((begin, number) => {
    const end = borders[number + 1];
    const of = spans.filter((span) => span.begin <= begin && end <= span.end);
    return of.length ? [{ begin, end, of }] : [];
  });
}

// The query's words as buttons: where they stand comes from what matched in any document.
function showWords(lists, spoken) {
  const spans = new Map();
  for (const list of lists) for (const hit of list.hits) for (const match of hit.matches) {
    const [begin, end] = match.query_span;
    spans.set(`${begin}-${end}`, { begin, end });
  }
  const points = Array.from(lists[0].query);
  const parts = [];
  let at = 0;
  state.partOf = new Map();
  for (const { begin, end, of } of cut([...spans.values()])) {
    parts.push(points.slice(at, begin).join(""));
    at = end;
    const text = points.slice(begin, end).join("");
    if (!text.trim()) { // between the words of a phrase
      parts.push(text);
      continue;
    }
    const key = `${begin}-${end}`;
    state.partOf.set(key, of.map((span) => `${span.begin}-${span.end}`));
    const word = element("button", { type: "button", className: "word", "aria-pressed": "false" }, text);
    word.dataset.span = key;
    word.addEventListener("pointerenter", () => point(key));
    word.addEventListener("pointerleave", () => point(state.pinned));
    word.addEventListener("focus", () => point(key));
    word.addEventListener("blur", () => point(state.pinned));
    word.addEventListener("click", () => pin(state.pinned === key ? null : key));
    parts.push(word);
  }
  parts.push(points.slice(at).join(""));
  $("words").replaceChildren(...parts);
  $("words").lang = spoken.short;
  $("words").dir = spoken.direction;
  $("asked").hidden = !spans.size;
  state.pinned = null;
}

function pin(key) {
  state.pinned = key;
  for (const word of document.querySelectorAll(".word")) word.setAttribute("aria-pressed", word.dataset.span === key);
  point(key);
}

function point(key) {
  $("results").classList.toggle("pointing", key !== null);
  const spans = state.partOf.get(key) ?? [];
  for (const mark of document.querySelectorAll("mark")) {
    const strengths = spans.flatMap((span) => mark.met.get(span) ?? []);
    mark.classList.toggle("lit", strengths.length > 0);
    mark.style.setProperty("--strength", Math.max(...(strengths.length ? strengths : mark.met.values())));
  }
  for (const word of document.querySelectorAll(".word")) word.classList.toggle("lit", word.dataset.span === key);
}

function showHit(hit, rank, moved) {
  const met = matchedPlaces(hit);
  const title = element("h3", { dir: "auto" }, element("span", { className: "rank" }, `${rank + 1}.`));
  title.append(...(hit.title ? marked(Array.from(hit.title), 0, met) : [hit.id]));
  const text = element("p", { className: "text", dir: "auto" });
  const item = element("li", { className: "hit" }, title, text);
  item.dataset.id = hit.id;
  const facts = element("p", { className: "facts" });
  const fact = (text, className = "") => facts.append(element("span", { className, dir: "auto" }, text));
  if (moved) fact(moved, "moved");
  fact(hit.id);
  fact(hit.score.toFixed(3));
  for (const [name, value] of Object.entries(hit.metadata)) fact(`${name}: ${value}`);
  item.append(facts);
  const actions = element("p", { className: "actions" });
  showPassage(hit, text, actions, met);
  item.append(actions);
  if (hit.matches.length) item.append(showTable(hit));
  const twins = () => document.querySelectorAll(`.hit[data-id="${CSS.escape(hit.id)}"]`);
  for (const [begin, end] of [["pointerenter", "pointerleave"], ["focusin", "focusout"]]) {
    item.addEventListener(begin, () => { const all = twins(); if (all.length > 1) all.forEach((each) => each.classList.add("twin")); });
    item.addEventListener(end, () => twins().forEach((each) => each.classList.remove("twin")));
  }
  return item;
}

function showPassage(hit, text, actions, met) {
  const points = Array.from(hit.passage.text);
  const [begin, end] = excerpt(points, hit.passage.begin, met);
  const short = () => {
    const inner = marked(points.slice(begin, end), hit.passage.begin + begin, met);
    text.replaceChildren(begin ? "… " : "", ...inner, end < points.length ? " …" : "");
  };
  short();
  if (end - begin < points.length) {
    let all = false;
    const more = element("button", { type: "button", className: "plain", "aria-expanded": "false" }, say("passage"));
    more.addEventListener("click", () => {
      all = !all;
      if (all) text.replaceChildren(...marked(points, hit.passage.begin, met));
      else short();
      more.textContent = say(all ? "less" : "passage");
      more.setAttribute("aria-expanded", all);
      point(state.pinned);
    });
    actions.append(more);
  }
  const whole = element("button", { type: "button", className: "plain" }, say("document"));
  whole.addEventListener("click", async () => {
    try {
      const found = await fetched(`v1/documents/${encodeURIComponent(hit.id)}`);
      text.replaceChildren(...marked(Array.from(found.text), Array.from(found.title).length + 1, met));
      point(state.pinned);
      actions.remove();
      text.tabIndex = -1;
      text.focus();
    } catch (error) { showFailure(error); }
  });
  if (hit.passage.text) actions.append(whole);
}

// Which places of a document's full text which words of the query met, and how strongly.
function matchedPlaces(hit) {
  const met = new Map();
  for (const match of hit.matches) for (const [begin, end] of match.document_spans) {
    const key = `${begin}-${end}`;
    if (!met.has(key)) met.set(key, { begin, end, by: new Map() });
    const { by } = met.get(key);
    const span = match.query_span.join("-");
    const strength = Math.min(1, Math.max(0.05, match.similarity));
    by.set(span, Math.max(strength, by.get(span) ?? 0));
  }
  return cut([...met.values()]).map(({ begin, end, of }) => {
    const by = new Map();
    for (const place of of) for (const [span, strength] of place.by) by.set(span, Math.max(strength, by.get(span) ?? 0));
    return { begin, end, by };
  });
}

// Text whose matched places are marked; `offset` is where it stands in the document's full text.
function marked(points, offset, met) {
  const parts = [];
  let at = 0;
  for (const place of met) {
    const begin = Math.max(place.begin - offset, at);
    const end = Math.min(place.end - offset, points.length);
    if (begin >= end || place.begin < offset) continue;
    if (begin > at) parts.push(points.slice(at, begin).join(""));
    const mark = element("mark", {}, points.slice(begin, end).join(""));
    mark.met = place.by;
    mark.style.setProperty("--strength", Math.max(...place.by.values()));
    parts.push(mark);
    at = end;
  }
  parts.push(points.slice(at).join(""));
  return parts;
}

// The part of a passage that is shown first: some of what stands before the best place of all, cut between words.
function excerpt(points, offset, met) {
  if (points.length <= SHOWN * 1.2) return [0, points.length];
  const inside = met.filter((place) => place.begin >= offset && place.end <= offset + points.length);
  const best = inside.reduce((a, b) => (b && (!a || Math.max(...b.by.values()) > Math.max(...a.by.values())) ? b : a), null);
  let begin = best ? Math.max(0, best.begin - offset - SHOWN / 3) : 0;
  let end = Math.min(points.length, begin + SHOWN);
  begin = Math.max(0, Math.min(begin, end - SHOWN));
  return [border(points, Math.floor(begin)), border(points, Math.floor(end))];
}

// The beginning of a word at or a little before a place; the place itself where words have no spaces between them.
function border(points, at) {
  for (let i = at; i > at - 30; i--) if (i <= 0 || i >= points.length || /\s/.test(points[i - 1])) return Math.max(0, i);
  return at;
}

function showTable(hit) {
  const heads = ["queryWord", "documentWord", "similarity"].map((name) => element("th", { scope: "col", dir: "auto" }, say(name)));
  const rows = hit.matches.map((match) => element("tr", {},
    element("td", { dir: "auto" }, match.read_as ? `${match.query_word} (${match.read_as})` : match.query_word),
    element("td", { dir: "auto" }, match.document_word),
    element("td", {}, match.similarity.toFixed(2))));
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
  const scrolls = element("div", { className: "scrolls" }, table);
  return element("details", {}, element("summary", { dir: "auto" }, say("table")), scrolls);
}

// --- the page's own language ----------------------------------------------------------------------------------------

function choose(short) {
  const translated = Object.entries(state.strings[short] ?? {});
  state.texts = { ...TEXT, ...Object.fromEntries(translated.map(([name, { text }]) => [name, text])) };
  const sources = new Set(translated.map(([, { source, licence }]) => `${source} (${licence})`));
  $("credits").hidden = !sources.size;
  $("credits").textContent = say("credits", [...sources].join(", "));
  const language = state.languages.find((each) => each.short === short);
  document.documentElement.lang = state.strings[short] ? short : "en";
  document.documentElement.dir = state.strings[short] ? language?.direction ?? "ltr" : "ltr";
  for (const each of document.querySelectorAll("[data-text]")) {
    each.dir = "auto"; // what is not translated is English
    each.textContent = say(each.dataset.text);
  }
}

async function open() {
  const [known, strings] = await Promise.all([fetched("v1/languages"), fetched("page/strings.json")]);
  state.languages = known.languages;
  state.documents = known.documents;
  $("results").dir = known.languages.find((each) => each.of_documents).direction;
  state.strings = strings;
  const names = [["en", "English"], ...known.languages.filter((each) => strings[each.short]).map((each) => [each.short, languageName(each)])];
  const wanted = [localStorage.getItem("interface"), ...navigator.languages.map((each) => each.split("-")[0])];
  const chosen = wanted.find((short) => names.some(([name]) => name === short)) ?? "en";
  choose(chosen);
  $("interface").replaceChildren(...names.map(([value, text]) => element("option", { value, lang: value, dir: "auto" }, text)));
  $("interface").value = chosen;
  $("interface-label").hidden = names.length < 2;
}

$("form").addEventListener("submit", (event) => { event.preventDefault(); go({}); });
for (const id of ["language", "by", "beside"]) $(id).addEventListener("change", () => { if ($("query").value.trim()) go({}); });
$("interface").addEventListener("change", () => { localStorage.setItem("interface", $("interface").value); choose($("interface").value); run(); });
addEventListener("popstate", run);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    $("query").focus();
    $("query").select();
  } else if (event.key === "Escape" && state.pinned !== null) {
    pin(null);
  }
});
run();
