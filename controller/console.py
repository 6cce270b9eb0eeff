"""What the command line says, in the language of its reader."""

import os
import sys
from pathlib import Path
from typing import Any

from controller.reader import Mistake
from display.words import lines, say


def speak(code: str, /, **arguments: Any) -> str:
    """A sentence in the reader's language: Chinese, English, or both where the locale is silent."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    langs = [lang for lang in ("zh", "en") if name.startswith(lang)] or ["zh", "en"]
    return " | ".join(say(code, lang, **arguments) for lang in langs)


def tell(code: str, /, **arguments: Any) -> None:
    print(speak(code, **arguments), file=sys.stderr, flush=True)


def show(template: str, **values: Any) -> int:
    print(*lines(template, speak=speak, **values), sep="\n")
    return 0


def told(file: Path, mistake: Mistake) -> str:
    """`hall.toml:12: window.3.services: ...`"""
    arguments = dict(mistake.arguments)
    if "kind" in arguments:
        arguments["kind"] = speak(f"check.kind_{arguments['kind']}")
    place = f"{file}:{mistake.line}: {mistake.key}".rstrip(": ")
    return f"{place}: {speak(f'check.{mistake.code}', **arguments)}"
