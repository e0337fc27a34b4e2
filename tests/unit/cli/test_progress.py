"""The progress bar as it stands on a terminal."""

import io
import sys

import pytest

from regcred.cli import progress


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """A terminal on which the bar is there from the first step on."""
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", -1)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Screen()


def test_of_known_length(screen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Progress("attaching", 3) as bar:
        for _ in range(3):
            bar.step()
    assert "attaching" in screen.getvalue()
    assert "3/3" in screen.getvalue()


def test_of_unknown_length(screen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Progress("injecting", None, "documents") as bar:
        for _ in range(2624):
            bar.step()
    assert "2,624 documents" in screen.getvalue()
    assert "?" not in screen.getvalue().replace("\x1b[?", "")


def test_before_the_first_step(screen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Progress("checking", 3) as bar:
        bar.show_if_late()
    assert "checking" in screen.getvalue()
    assert "0/3" in screen.getvalue()


def test_what_is_said_meanwhile_is_not_broken(screen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    command = f"regcred login {'registry.' * 9}example.com -n team-a"
    with progress.Progress("attaching", 2) as bar:
        bar.step()
        sys.stderr.write(f"{command}\n")
        bar.step()
    assert f"{command}\n" in screen.getvalue()


def test_not_for_what_is_quick(screen, monkeypatch):
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 3600)
    with progress.Progress("checking", 3) as bar:
        bar.show_if_late()
        bar.step()
    assert screen.getvalue() == ""
