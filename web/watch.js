// One subscription over graphql-transport-ws that survives its connection: each version once, in order, from `after` on.
// It subscribes again with the last version seen as the cursor, so nothing is lost or repeated.
// `on` has order(order), state(name) and end(sentence); state is connecting | live | waiting | settled | ended.
const FINAL_CODES = new Set([4400, 4401, 4403, 4406, 4409, 4429, 4500]); // coming back like this would be refused like this

export function watch({ url, token, query, orderId, after = 0, on, Socket = WebSocket }) {
  let cursor = after, failures = 0, over = false, socket;

  const finish = (state, sentence) => {
    over = true;
    on.state(state);
    if (sentence) on.end(sentence);
    socket.close(1000);
  };

  const receive = {
    connection_ack: (_, send) => {
      on.state("live");
      send({ id: "1", type: "subscribe", payload: { query, variables: { orderId, after: cursor } } });
    },
    ping: (_, send) => send({ type: "pong" }),
    next: ({ payload }) => {
      if (payload.errors) return finish("ended", payload.errors[0].message);
      const order = payload.data.orderUpdated;
      if (order.version !== cursor + 1) return finish("ended", `Expected version ${cursor + 1}, got ${order.version}.`);
      cursor = order.version;
      failures = 0;
      on.order(order);
    },
    error: ({ payload }) => finish("ended", payload[0].message),
    complete: () => finish("settled"),
  };

  const connect = () => {
    if (over) return;
    on.state("connecting");
    socket = new Socket(url, "graphql-transport-ws");
    const send = (message) => socket.send(JSON.stringify(message));
    socket.onopen = () => send({ type: "connection_init", payload: { authorization: `Bearer ${token}` } });
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (!over) receive[message.type]?.(message, send);
    };
    socket.onclose = ({ code, reason }) => {
      if (over) return;
      if (FINAL_CODES.has(code)) return finish("ended", reason || `The connection was closed with ${code}.`);
      on.state("waiting");
      setTimeout(connect, Math.random() * Math.min(5000, 100 * 2 ** failures++)); // jitter: a restart meets no herd
    };
  };

  connect();
  return () => finish("ended");
}
