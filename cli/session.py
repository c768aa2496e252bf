"""A principal's conversation with the system: demae_client with a fresh token, and its errors as sentences."""

from urllib.parse import urlencode

from cli.configuration import Configuration, configuration
from cli.tokens import Role, mint
from demae_client import Client, DemaeError, Order, Refused, RequestError, Unreachable, UserErrors

PAGE_HOURS = 1.0  # an address is pasted and kept
ALL = 100  # the schema's largest page


def speak_as(subject: str, role: Role) -> Client:
    """A client for one principal: use as `async with`. Raises CommandError when the environment is not complete."""
    known = configuration()
    return Client(f"{known.url}/graphql", mint(subject, role, known.jwt_secret))


def support() -> Client:
    """The principal that may see every order."""
    return speak_as("cli", Role.SUPPORT)


def page_of(known: Configuration, order: Order) -> str:
    """The address of an order's page, with its customer's token in the fragment, which no browser sends to a server."""
    token = mint(order["customerId"], Role.CUSTOMER, known.jwt_secret, PAGE_HOURS)
    return f"{known.url}/#{urlencode({'order': order['id'], 'token': token})}"


def explain(error: DemaeError) -> str:
    """What happened and what to do, for the person who typed the command."""
    match error:
        case UserErrors():
            return "\n".join(f"Refused: {one.message} [{one.code}]" for one in error.errors)
        case RequestError(code="UNAUTHENTICATED") | Refused():
            return f"The token was not accepted ({error}). Is JWT_SECRET the running system's? `./demae` sets it."
        case Unreachable():
            return f"No answer: {error}\n`./demae doctor` shows which part is not well; `make up` starts the system."
        case _:
            return f"The system refused: {error}"
