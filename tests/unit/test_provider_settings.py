"""The provider's settings; what is missing is tested on the real program (test_provider_http)."""

from pathlib import Path

from provider.settings import load


def test_key_may_be_a_file(tmp_path: Path) -> None:
    """The newline at its end is none of it; the environment wins."""
    (tmp_path / "PROVIDER_KEY").write_text("sk_file\n")
    given = {"HTTP_PORT": "1", "PROVIDER_LOG": "log", "SECRETS": str(tmp_path)}
    assert load(given).key == "sk_file"
    assert load({**given, "PROVIDER_KEY": "sk_variable"}).key == "sk_variable"
