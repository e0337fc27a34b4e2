"""``regcred check --certs-dir`` with a file that cannot be used: no verdict, but bad input."""

from click.testing import CliRunner

from regcred.cli.check import check
from regcred.core.errors import InvalidInput


def test_broken_hosts_toml_ends_the_run(tmp_path, caplog):
    file = tmp_path / "certs.d" / "registry.example.com" / "hosts.toml"
    file.parent.mkdir(parents=True)
    file.write_text("ca = ")
    (tmp_path / "config.json").write_text("{}")
    images = [f"registry.example.com/app-{number}" for number in range(20)]
    logins = ["--docker-config", str(tmp_path / "config.json"), "--no-cluster"]
    done = CliRunner().invoke(check, [*images, *logins, "--certs-dir", str(file.parents[1])])
    assert isinstance(done.exception, InvalidInput)
    assert done.exception.exit_code == 2
    assert done.exception.message.startswith(f"cannot use {file}: it is not TOML")
    assert done.stdout == ""
    assert "never retrieved" not in caplog.text
