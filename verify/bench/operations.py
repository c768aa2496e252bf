"""The GraphQL operations of the load, and decoders for just what it reads of the answers."""

import msgspec

PLACE = (
    "mutation P($input: PlaceOrderInput!) "
    "{ placeOrder(input: $input) { order { id version } userErrors { code message } } }"
)
PICK_UP = "mutation U($id: ID!) { payload: pickUpOrder(id: $id) { userErrors { code message } } }"
DELIVER = "mutation D($id: ID!) { payload: deliverOrder(id: $id) { userErrors { code message } } }"
START_SHIFT = "mutation S { payload: startShift { userErrors { code message } } }"
END_SHIFT = "mutation E { payload: endShift { userErrors { code message } } }"
MENU = "query M($id: ID!) { restaurant(id: $id) { menu { id } } }"


class UserError(msgspec.Struct):
    code: str
    message: str


class OrderRef(msgspec.Struct):
    id: str


class OrderPayload(msgspec.Struct):
    userErrors: list[UserError]  # noqa: N815 - the schema's own name
    order: OrderRef | None = None


class PlaceData(msgspec.Struct):
    placeOrder: OrderPayload  # noqa: N815 - the schema's own name


class PayloadData(msgspec.Struct):
    payload: OrderPayload


class PlaceAnswer(msgspec.Struct):
    data: PlaceData | None = None
    errors: msgspec.Raw = msgspec.Raw(b"")


class PayloadAnswer(msgspec.Struct):
    data: PayloadData | None = None
    errors: msgspec.Raw = msgspec.Raw(b"")


place_answers = msgspec.json.Decoder(PlaceAnswer)
payload_answers = msgspec.json.Decoder(PayloadAnswer)
