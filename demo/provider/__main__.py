"""`python -m provider`: read the log, then serve until SIGTERM."""

import time

import uvicorn

from provider.app import create_app
from provider.connection import Connection
from provider.settings import load
from provider.store import Store

KEEP_ALIVE_SECONDS = 75  # longer than a worker's pause, so that its connection is there for the next call
END_SECONDS = 3  # for calls under way; one that hangs is not waited for


def main() -> None:
    """The composition root."""
    settings = load()
    store = Store(settings.log, time.time())
    config = uvicorn.Config(
        create_app(store, settings.key, settings.latency),
        host=settings.host,
        port=settings.port,
        loop="uvloop",  # sets TCP_NODELAY; without it each answer waits 40 ms for a delayed ACK
        http=Connection,  # by httptools
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        store.close()


if __name__ == "__main__":
    main()
