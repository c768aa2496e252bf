// GraphiQL against this origin: queries and mutations by POST, subscriptions by graphql-transport-ws.
// The token in the headers pane goes both ways: as a header, and in connection_init.
const endpoint = new URL("/graphql", window.location.href);
const socket = new URL(endpoint);
socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

const welcome = `# demae: order food, and watch the events that carry the order.
#
# Every request needs a token. In a terminal:
#   ./demae token customer you
# and in the pane "Headers" below:
#   {"Authorization": "Bearer …"}

query Menu {
  restaurants(first: 5) {
    edges {
      node { id name menu { id name price { amount } } }
    }
  }
}

mutation Place {
  placeOrder(input: {
    idempotencyKey: "any text of your own"
    restaurantId: "trattoria-lucia"
    items: [{ itemId: "margherita", quantity: 1 }]
    paymentMethod: "pm_card_visa"
  }) {
    order { id status version }
    userErrors { code message }
  }
}

subscription Watch($id: ID!) {
  orderUpdated(orderId: $id, after: 0) {
    version status courierId
  }
}
`;

const clients = new Map();

function client(authorization) {
  if (!clients.has(authorization)) {
    const connectionParams = authorization ? { authorization } : {};
    clients.set(authorization, graphqlWs.createClient({ url: socket.href, connectionParams, lazy: true }));
  }
  return clients.get(authorization);
}

function fetcher(request, options) {
  const headers = (options && options.headers) || {};
  const authorization = headers.Authorization || headers.authorization || "";
  return GraphiQL.createFetcher({ url: endpoint.href, headers, wsClient: client(authorization) })(request, options);
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, { fetcher, defaultQuery: welcome, shouldPersistHeaders: true }),
);
