from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from harness.cli.main import status_of


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "harness.cli.main", "dashboard", str(tmp_path), "--port", "0", "--no-browser"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert "Ctrl-C ends it" in line
        with urlopen(line.split()[0]) as page:
            assert b"There are no runs here yet" in page.read()
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


@pytest.mark.parametrize("port", ["x", "-1", "70000", "8765.0", "٣"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        status_of(["dashboard", f"--port={port}"])
    assert "from 0 to 65,535" in capsys.readouterr().err


def test_a_folder_that_is_not_there_and_a_port_that_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["dashboard", str(tmp_path / "none"), "--no-browser"]) == 2
    assert "there is no folder" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert status_of(["dashboard", str(tmp_path), "--no-browser", "--port", str(port)]) == 2
    assert "--port 0" in capsys.readouterr().err
