"""What the command line says, in the language of its reader."""

import os
import sys
from pathlib import Path
from typing import Any

from controller.settings.reader import Mistakes
from controller.settings.schema import Mistake
from display.words.catalogue import Part, lines, say


def languages() -> list[str]:
    """The reader's: Chinese, English, or both where the locale is silent."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return [lang for lang in ("zh", "en") if name.startswith(lang)] or ["zh", "en"]


def speak(code: str, /, **arguments: Any) -> str:
    return " | ".join(say(code, lang, **arguments) for lang in languages())


def tell(code: str, /, **arguments: Any) -> None:
    print(speak(code, **arguments), file=sys.stderr, flush=True)


def answer(template: str, lang: str, **values: Any) -> list[str]:
    """The lines of a text in display/words/answers, in one language."""
    return lines(template, speak=lambda code, /, **said: say(code, lang, **said), **values)


def show(template: str, **values: Any) -> int:
    for lang in languages():
        print(*answer(template, lang, **values), sep="\n")
    return 0


def located(file: Path, mistake: Mistake) -> dict[str, Any]:
    """`place` is hall.toml:12: window.3.services, `detail` a sentence."""
    arguments = dict(mistake.arguments)
    if "kind" in arguments:
        arguments["kind"] = Part(f"check.kind_{arguments['kind']}", {})
    place = f"{file}:{mistake.line}: {mistake.key}".rstrip(": ")
    return {"place": place, "detail": Part(f"check.{mistake.code}", arguments)}


def unusable(file: Path, why: Mistakes | OSError) -> dict[str, Any]:
    """The first reason why a hall.toml cannot be used, as `located` has it."""
    if isinstance(why, Mistakes):
        return located(file, why.found[0])
    return {"place": str(file), "detail": Part("check.no_file", {"detail": why.strerror})}


def told(found: dict[str, Any]) -> str:
    """What `located` or `unusable` found, in a line."""
    detail: Part = found["detail"]
    return f"{found['place']}: {speak(detail.code, **detail.arguments)}"
