"""A name that the local world does not know is an error, not an empty answer."""

from typer.testing import CliRunner

from parley_local.__main__ import app


def test_log_of_a_part_that_does_not_exist_names_those_that_do() -> None:
    told = CliRunner().invoke(app, ["logs", "nonsense"])
    assert told.exit_code == 2
    assert {"dialer", "rabbitmq"} <= set(told.output.replace(",", " ").split())
