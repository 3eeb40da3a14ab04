"""What stands in deploy/ is what systemd, nginx and a linter of Dockerfiles take."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from kivuko.cli.main import app

DEPLOY = Path(__file__).parents[1] / "deploy"


def done(*command: object, folder: Path) -> str:
    run = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def test_the_commands_of_unit_and_image_parse() -> None:
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    service, dockerfile = ((DEPLOY / name).read_text() for name in ("kivuko.service", "Dockerfile"))
    unit = re.search(r"^ExecStart=\S+ serve (.*)$", service, flags=re.MULTILINE)
    image = re.search(r'^ENTRYPOINT \["kivuko", "serve", (.*)\]$', dockerfile, flags=re.MULTILINE)
    assert unit
    assert image
    for arguments in (shlex.split(unit[1]), [each.strip(' "') for each in image[1].split(",")]):
        assert serve.make_context("serve", arguments).params["engine"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "kivuko.service").read_text()
    there = text.replace("/opt/kivuko/bin/kivuko", shutil.which("true") or "/bin/true")
    (tmp_path / "kivuko.service").write_text(there)
    assert "kivuko.service" not in done("systemd-analyze", "verify", "kivuko.service", folder=tmp_path)


@pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")), reason="no nginx or openssl here"
)
def test_nginx_takes_the_site(tmp_path: Path) -> None:
    subject = ("-subj", "/CN=search.example.org", "-days", "1")
    done("openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-keyout", "key.pem", "-out", "fullchain.pem",
         *subject, folder=tmp_path)  # fmt: skip
    site = (DEPLOY / "nginx.conf").read_text().replace("/etc/ssl/search.example.org", str(tmp_path))
    site = site.replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {site} }}", encoding="utf-8"
    )
    assert "warn" not in done("nginx", "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", folder=tmp_path)


@pytest.mark.network
@pytest.mark.skipif(not shutil.which("npm"), reason="no npm here")
def test_a_linter_takes_the_dockerfile(tmp_path: Path) -> None:
    shutil.copy(DEPLOY / "Dockerfile", tmp_path)
    assert "Issues: None found" in done(
        "npm", "exec", "--yes", "--", "dockerfilelint", "Dockerfile", folder=tmp_path
    )
