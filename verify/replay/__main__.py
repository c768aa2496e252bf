"""`python -m replay order | rebuild`: as `./demae replay` and `./demae rebuild`."""

import typer

from replay.commands import rebuild, replay

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command("order")(replay)
app.command("rebuild")(rebuild)

if __name__ == "__main__":
    app()
