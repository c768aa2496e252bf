// The page: reads #order=…&token=… and shows that order's timeline as it happens.
import { watch } from "./watch.js";

const QUERY = `subscription OrderUpdated($orderId: ID!, $after: Int!) {
  orderUpdated(orderId: $orderId, after: $after) {
    version status restaurantName courierId
    payment { status failure } cancellation { reason }
    items { name quantity unitPrice { amount currency } } total { amount currency }
    timeline { version event status at }
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

const EVENTS = {
  order_created: "Order placed",
  payment_completed: "Payment received",
  payment_failed: "Payment declined",
  delivery_assigned: "Courier assigned",
  order_accepted: "Kitchen is cooking",
  items_out_of_stock: "Out of stock",
  order_ready: "Ready for the courier",
  order_picked_up: "On its way",
  order_delivered: "Delivered",
  order_cancelled: "Cancelled",
  payment_refunded: "Money refunded",
  payment_released: "Nothing was charged",
  refund_failed: "Refund failed: support will contact you",
};

const REASONS = {
  CUSTOMER: "You cancelled the order.",
  OUT_OF_STOCK: "The kitchen has run out of a dish.",
  PAYMENT_TIMEOUT: "The payment did not go through in time.",
  PAYMENT_FAILED: "The payment was declined.",
  NO_COURIER: "No courier was free in time.",
  RESTAURANT_SILENT: "The restaurant did not answer.",
  NOT_READY: "The kitchen did not finish in time.",
  NOT_PICKED_UP: "The courier did not collect the order.",
  NOT_DELIVERED: "The order was not delivered in time.",
};

const MONEY = {
  REFUNDING: "Your money is on its way back.",
  REFUNDED: "Your money has been refunded.",
  RELEASED: "Nothing was charged.",
  REFUND_FAILED: "The refund failed: support will contact you.",
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
    const item = row("li", EVENTS[entry.event] ?? sentence(entry.event), time);
    item.className = entry.event;
    item.title = `version ${entry.version}: ${entry.event} at ${entry.at}`;
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

function show(order) {
  const cancelled = order.status === "CANCELLED";
  $("title").textContent = order.restaurantName;
  $("status").textContent = sentence(order.status);
  $("status").className = cancelled ? "bad" : "";
  $("note").textContent = cancelled
    ? [REASONS[order.cancellation?.reason], MONEY[order.payment.status]].filter(Boolean).join(" ")
    : order.payment.failure ? `Payment declined: ${order.payment.failure}` : "";
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
