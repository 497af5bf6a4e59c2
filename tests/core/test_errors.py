from migrate.core import errors
from migrate.core.errors import ExitCode, MigrateError


def test_every_kind_of_error_has_its_documented_exit_code() -> None:
    codes = {kind.__name__: kind.exit_code for kind in MigrateError.__subclasses__()}
    assert codes == {
        "UsageError": ExitCode.USAGE,
        "ConfigurationError": ExitCode.CONFIGURATION,
        "NeedsYouError": ExitCode.NEEDS_YOU,
        "RemoteError": ExitCode.REMOTE,
        "StaleError": ExitCode.STALE,
        "LocalError": ExitCode.LOCAL,
        "RefusedError": ExitCode.REFUSED,
    }


def test_the_module_draws_the_tree_it_has() -> None:
    text = errors.__doc__ or ""
    for kind in MigrateError.__subclasses__():
        line = next(line for line in text.splitlines() if kind.__name__ in line)
        assert f" {kind.exit_code.value} " in line
