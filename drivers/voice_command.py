"""A voice that is an external command, such as espeak-ng: the sentence goes to its input."""

import shlex
import shutil
import subprocess

from drivers.base import Device, DeviceFault, Fleeting
from drivers.link import Link

KEPT, STALE = 5, 15.0  # sentences that may wait, and seconds after which one is no longer true


class Driver(Device):
    """Speaks one sentence at a time; a missing or hanging command never delays a call."""

    wired = False

    def __init__(
        self,
        name: str,
        url: str = "exec:espeak-ng -v cmn-latn-pinyin --stdin",
        timeout: float = 20.0,
    ) -> None:
        """`url`: `exec:` and the command, split like a shell's words, never given to a shell;
        `timeout`: s after which a speaking command is ended."""
        super().__init__(name)
        self._command, self._timeout = shlex.split(url.removeprefix("exec:")), timeout
        self._sentences: Fleeting[str] = Fleeting(KEPT, STALE)

    def say(self, text: str) -> None:
        self._sentences.put(text)
        self.wake()

    def turn(self, link: Link) -> float:
        if not self._command or not shutil.which(self._command[0]):
            raise DeviceFault("no_command", again=5.0)
        text = self._sentences.take()
        if text is None:
            return 5.0
        with subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            try:
                child.communicate(f"{text}\n".encode(), self._timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                raise DeviceFault("silent") from None
        if child.returncode:
            raise DeviceFault("command_failed")
        return 0.0
