"""A voice that is an external command, such as espeak-ng: the sentence goes to its input.

Maturity: sketch.
"""

import os
import shlex
import shutil
import signal
import subprocess
import time
from typing import Annotated

from drivers.base.device import Device, DeviceFault
from drivers.base.link import Link
from drivers.base.mailboxes import Fleeting, Sentence
from drivers.base.options import Range
from drivers.parts.speech import plain


class Driver(Device):
    """Speaks one sentence at a time; a missing or hanging command never delays a call.

    `url`: `exec:` and the command, split like a shell's words, never given to a shell, with the percent
    of the hour for `{volume}` in it; `timeout`: s after which a speaking command is ended.
    """

    urls = ("exec",)
    wired = False
    longest = 5.0  # to start a command, or to end it; while it speaks the port goes on

    def __init__(
        self,
        name: str,
        url: str = "exec:espeak-ng -vcmn-latn-pinyin -a{volume} --stdin",
        timeout: Annotated[float, Range(1, 60)] = 20,
    ) -> None:
        super().__init__(name)
        self.command, self.timeout = shlex.split(url.removeprefix("exec:")), timeout
        self._sentences = Fleeting()
        self._child: subprocess.Popen[bytes] | None = None
        self._until, self._fault = 0.0, ""  # the fault stands until a sentence was heard

    @property
    def speaking(self) -> bool:
        """Is a sentence being said?"""
        return self._child is not None

    def say(self, sentence: Sentence) -> None:
        self._sentences.put(sentence, time.monotonic())
        self.wake()

    def sound(self, text: str, volume: int = 100) -> bytes:
        """What the command is given for a sentence."""
        return f"{plain(text)}\n".encode()

    def turn(self, link: Link) -> float:
        pause = 0.0
        if self._child is None:
            pause = self._start()
        elif self._child.poll() is not None:
            self._fault = "command_failed" if self._child.returncode else ""
            self._child = None
        elif self._sentences.urgent():
            self.close()
        elif time.monotonic() < self._until:
            pause = 0.05  # never longer: the port must be able to stop at once
        else:
            self.close()
            self._fault = "silent"
        if self._fault:
            raise DeviceFault(self._fault, again=pause)
        return pause

    def _start(self) -> float:
        """Let the next sentence be spoken; seconds until it is worth looking again."""
        if not self.command or not shutil.which(self.command[0]):
            raise DeviceFault("no_command", again=5.0)
        if (said := self._sentences.take(time.monotonic())) is None:
            return 5.0
        command = [word.replace("{volume}", str(said[1])) for word in self.command]
        # A file in memory, not a pipe: a command that does not read it cannot hold us up.
        with os.fdopen(os.memfd_create("sentence"), "wb+") as page:
            page.write(self.sound(*said))
            page.seek(0)
            if self.gone:  # another one speaks by now
                return 5.0
            quiet = subprocess.DEVNULL
            try:  # in a session of its own, so that what it started ends with it
                self._child = subprocess.Popen(
                    command, stdin=page, stdout=quiet, stderr=quiet, start_new_session=True
                )
            except OSError:
                self._fault = "command_failed"
                return 5.0
        self._until = time.monotonic() + self.timeout
        return 0.05

    def close(self) -> None:
        if self._child is not None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
            self._child = None
