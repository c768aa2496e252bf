// The page: reads #order=…&token=… and shows that order's timeline as it happens.
import { watch } from "./watch.js";

const QUERY = `subscription OrderUpdated($orderId: ID!, $after: Int!) {
  orderUpdated(orderId: $orderId, after: $after) {
    version status message restaurantName
    actions { name } deadline { at }
    items { name quantity unitPrice { amount currency } } total { amount currency }
    timeline { version event message reason status at }
  }
}`;

const STEPS = ["PLACED", "PAID", "COURIER_ASSIGNED", "ACCEPTED", "READY", "PICKED_UP", "DELIVERED"];

const STATES = {
  connecting: "Connecting…",
  live: "Live",
  waiting: "Connection lost, coming back…",
  settled: "Finished: nothing more will happen",
  ended: "Stopped",
};

const ACTIONS = {
  CANCEL_ORDER: "cancel the order",
  RETRY_PAYMENT: "pay with another card",
};

const $ = (id) => document.getElementById(id);
const sentence = (name) => name.toLowerCase().replaceAll("_", " ").replace(/^./, (c) => c.toUpperCase());

function money({ amount, currency }) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function row(tag, ...texts) {
  const element = document.createElement(tag);
  for (const text of texts) element.append(Object.assign(document.createElement("span"), { textContent: text }));
  return element;
}

function showTimeline(timeline) {
  // Only what is new is added: what is there stays, and a screen reader reads out the new line alone.
  const list = $("timeline");
  for (const entry of timeline.slice(list.childElementCount)) {
    const time = new Date(entry.at).toLocaleTimeString();
    const item = row("li", entry.message, time);
    item.className = entry.event;
    item.title = `version ${entry.version}: ${entry.event}${entry.reason ? ` (${entry.reason})` : ""} at ${entry.at}`;
    list.append(item);
  }
}

function showSteps(order) {
  const reached = Math.max(...order.timeline.map((entry) => STEPS.indexOf(entry.status)));
  $("steps").replaceChildren(...STEPS.map((step, index) => {
    const item = row("li", sentence(step));
    item.className = index <= reached ? "reached" : "";
    return item;
  }));
  $("steps").classList.toggle("stopped", order.status === "CANCELLED");
}

function choices({ actions, deadline }) {
  // The moment is the earliest one: later by as long as the system stood still.
  const known = actions.map((action) => ACTIONS[action.name]).filter(Boolean).join(" or ");
  const until = deadline && new Date(deadline.at).toLocaleTimeString();
  return known && `You can ${known}${until ? ` until ${until}` : ""}.`;
}

function show(order) {
  const cancelled = order.status === "CANCELLED";
  $("title").textContent = order.restaurantName;
  $("status").textContent = sentence(order.status);
  $("status").className = cancelled ? "bad" : "";
  $("note").textContent = order.message;
  $("choices").textContent = choices(order);
  showSteps(order);
  $("items").replaceChildren(
    ...order.items.map((item) => row("li", `${item.quantity} × ${item.name}`,
      money({ ...item.unitPrice, amount: item.unitPrice.amount * item.quantity }))),
    row("li", "Total", money(order.total)),
  );
  showTimeline(order.timeline);
  document.title = `${sentence(order.status)} · demae`;
}

function start() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const orderId = fragment.get("order"), token = fragment.get("token");
  $("ask").hidden = Boolean(orderId && token);
  $("order").hidden = !$("ask").hidden;
  if (!orderId || !token) return;
  const url = Object.assign(new URL("/graphql", location), { hash: "" });
  url.protocol = url.protocol.replace("http", "ws");
  watch({
    url, token, orderId, query: QUERY,
    on: {
      order: show,
      state: (name) => { $("state").textContent = STATES[name]; $("state").className = name; },
      end: (text) => { $("note").textContent = text; },
    },
  });
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  location.hash = new URLSearchParams({ order: form.get("order").trim(), token: form.get("token").trim() });
});
addEventListener("hashchange", () => location.reload()); // another order is another page
start();
