"use strict";

// One session a page. The stream stays open; the browser takes it up again by itself with Last-Event-ID.
const one = (id) => document.getElementById(id);
const [talk, steps, form, message, send, trouble] = ["talk", "steps", "form", "message", "send", "trouble"].map(one);
const KINDS = ["received", "planned", "memory_stored", "memory_recalled", "tool_called", "answered", "failed"];
const HEALTH_EVERY_MS = 5000;
let session = "";
let stream = null;
let waiting = "";
const shown = new Set();

function add(list, className, text) {
  const item = document.createElement("li");
  item.className = className;
  item.textContent = text;
  list.append(item);
  item.scrollIntoView({ block: "nearest" });
  return item;
}

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

function busy(on) {
  send.disabled = on;
  send.textContent = on ? "Working…" : "Send";
}

function told(event) {
  const data = event.data;
  switch (event.event) {
    case "planned": return data.tools.length ? `tools: ${data.tools.join(", ")}` : "no tool needed";
    case "memory_recalled": return data.count === 1 ? "1 memory" : `${data.count} memories`;
    case "tool_called": return `${data.tool}: ${data.outcome.ok ? data.outcome.result : data.outcome.error}`;
    case "failed": return data.reason;
    default: return "";
  }
}

function happened(event) {
  // A stream that is opened anew starts over: what was shown is not shown again.
  const key = `${event.message_id} ${event.event} ${event.at}`;
  if (shown.has(key)) return;
  shown.add(key);
  one("no-steps").hidden = true;
  const item = add(steps, `step ${event.event}`, "");
  for (const [name, text] of [["kind", event.event.replace("_", " ")], ["by", event.by], ["told", told(event)]]) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    item.append(part);
  }
  if (event.event === "answered") add(talk, "answer", event.data.answer);
  if (event.event === "failed") complain(`No answer: ${event.data.reason}`);
  if (["answered", "failed"].includes(event.event) && event.message_id === waiting) {
    waiting = "";
    busy(false);
    message.focus();
  }
}

function listen() {
  if (stream && stream.readyState !== EventSource.CLOSED) return;
  stream = new EventSource(`/api/v1/session/${session}/events`);
  for (const kind of KINDS) stream.addEventListener(kind, (sent) => happened(JSON.parse(sent.data)));
  stream.onopen = () => { if (waiting) complain(""); };
  stream.onerror = () => {
    complain("The connection to the gateway is lost; trying again…");
    if (stream.readyState === EventSource.CLOSED) { busy(false); waiting = ""; }
  };
}

async function post(text, id) {
  const body = { message: text, message_id: id };
  if (session) body.session_id = session;
  const answer = await fetch("/api/v1/session/message", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const detail = typeof said.detail === "string" ? said.detail : `the gateway answers ${answer.status}`;
    throw new Error(detail);
  }
  return said;
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

form.addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const text = message.value.trim();
  if (!text || send.disabled) return;
  complain("");
  busy(true);
  steps.replaceChildren();
  const mine = add(talk, "question", text);
  message.value = "";
  waiting = newId(); // before it is posted: its answer may come over the open stream before the reply to the post
  try {
    const taken = await post(text, waiting);
    session = taken.session_id;
    listen();
  } catch (error) {
    mine.classList.add("unsent");
    message.value = text;
    waiting = "";
    complain(`Not sent: ${error.message}`);
    busy(false);
  }
});

async function look() {
  let said = { status: "down", components: {} };
  let text = "Gateway does not answer";
  try {
    const answer = await fetch("/api/health");
    said = await answer.json();
    const bad = Object.entries(said.components || {}).filter(([, part]) => part.status !== "ok");
    text = bad.map(([name, part]) => `${name} is ${part.status}`).join(", ");
    if (!said.status) { said = { status: "down" }; text = "Gateway does not answer"; }
    else if (!text) text = "All services are well";
  } catch { /* the text above says it */ }
  one("health").dataset.status = said.status;
  if (one("health-text").textContent !== text) one("health-text").textContent = text;
}

look();
setInterval(look, HEALTH_EVERY_MS);
