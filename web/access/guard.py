"""Who asks: sessions, paired devices, and what they may be here."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from threading import Lock

from flask import Response, abort, g, make_response, redirect, render_template, request

from controller.hall.commands import digest
from controller.journal.people import People
from controller.runtime.clock import Clock
from controller.settings.schema import Settings
from display.words.catalogue import say
from web.access.patience import Patience
from web.access.routes import ROUTES, TECHNICIAN

IDLE, WHOLE = 1800.0, 12 * 3600.0  # s that a technician's session lasts unused; that any lasts at all
LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")  # the last: by IPv4 to where "::" listens


def _figures() -> str:
    return f"{secrets.randbelow(10**6):06}"


@dataclass(slots=True)
class Session:
    """`role`: technician, clerk or desk clerk; `who`: the 工号; `device`: the one it was opened on;
    `boot`: the machine's, as no other knows what `born` and `used` mean."""

    role: str
    who: str
    device: str
    place: str
    boot: str
    born: float
    used: float


class Access:
    """Sessions outlive the daemon, not the machine: after a reboot everybody signs in anew."""

    def __init__(self, plan: Settings, people: People, clock: Clock, secure: bool) -> None:
        """`secure`: the pages go over TLS."""
        self.people, self.secure, self._plan, self._clock = people, secure, plan, clock
        self._sessions: dict[str, Session] = {}
        self._lock = Lock()  # of the sessions, and of how often whose secret was replaced
        self._replaced: Mapping[str, int] = {}
        with suppress(TypeError):  # another release may have kept other things
            self._sessions = {token: Session(**kept) for token, kept in people.sessions.items()}
        # Devices that wait to be paired, by their code: token, place, when they last asked.
        self._waiting: dict[str, tuple[str, str, float]] = {}
        self._codes = Lock()  # of those that wait
        self._guessing = Lock()  # of the patience: one guess is judged and counted before the next
        self._patience = (Patience(5, 900), Patience(20, 3600), Patience(200, 3600))

    def _now(self) -> float:
        return self._clock.now().mono

    def _cookie(self, name: str) -> str:
        return f"__Host-{name}" if self.secure else name

    def _set(self, answer: Response, name: str, value: str, days: float) -> None:
        answer.set_cookie(
            *(self._cookie(name), value),
            max_age=int(days * 86400),
            httponly=True,
            secure=self.secure,
            samesite="Strict",
        )

    def device(self) -> str:
        """The digest of the asking device's token."""
        return digest(request.cookies.get(self._cookie("device"), ""))

    def session(self) -> Session | None:
        found = self._sessions.get(digest(request.cookies.get(self._cookie("session"), "")))
        now = self._now()
        if found is None or not self._lasts(found):
            return None
        if found.role == "technician" and now > found.used + IDLE:
            return None
        if found.role != "technician" and not (found.device == self._stands() and self._is_at(found.place)):
            return None
        found.used = now
        return found

    def _lasts(self, session: Session) -> bool:
        now = self._clock.now()
        return session.boot == now.boot and now.mono < session.born + WHOLE

    def _stands(self) -> str:
        """The device that asks: a paired one, or this machine itself."""
        return "here" if request.remote_addr in LOOPBACK else self.device()

    def _is_at(self, place: str) -> bool:
        """Does the asking device stand at this place?"""
        return self._stands() == "here" or self.people.devices.get(self.device()) == place

    def place(self) -> str:
        """What the address asked for is at: "window 3", "kiosk hall", "desk" or "board"."""
        kind = request.path.split("/")[1] or "status"
        name = (request.view_args or {}).get("window" if kind == "window" else "kiosk", "")
        if kind == "kiosk":
            name = name or next(iter(self._plan.kiosk))
        return f"{kind} {name}".strip()

    def roles(self) -> set[str]:
        """All that the asking person and device may be here."""
        found, session, place = {"anyone"}, self.session(), self.place()
        if self._is_at(place):
            found.add(place.split()[0])
        if session and (session.role == "technician" or session.place == place):
            found.add(session.role)
        elif session and request.path.startswith("/api/"):
            # An address that names no window is no clerk's, whatever his window is called ("None").
            window = (request.view_args or {}).get("window", "")
            if session.role == "desk clerk" or (window and session.place == f"window {window}"):
                found.add(session.role)
        return found

    def guard(self) -> Response | None:
        """Before every request: lets it pass, or answers with what opens the way."""
        g.session, allowed = self.session(), ROUTES.get(request.endpoint or "", frozenset())
        answer = None
        if request.endpoint and not allowed & self.roles():
            place, reading = self.place(), request.method == "GET"
            if reading and allowed == frozenset({place.split()[0]}):
                answer = self._offer(place)
            elif reading and allowed == TECHNICIAN:
                answer = make_response(redirect("/login", 303))
            else:
                abort(403)
        return answer

    def _offer(self, place: str) -> Response:
        """The page of a device that is not paired yet: it shows a code, and looks again by itself."""
        token = request.cookies.get(self._cookie("device"), "") or secrets.token_urlsafe(32)
        with self._codes:
            code = self._code(digest(token), place)
        answer = make_response(render_template("pair.html", say=say, code=code, place=place), 403)
        self._set(answer, "device", token, 3650)
        return answer

    def _code(self, token: str, place: str) -> str:
        """What the device of this digest shows while it waits: six figures that no other one shows."""
        now = self._now()
        self._waiting = {code: it for code, it in self._waiting.items() if it[2] > now - 600}
        mine = [code for code, it in self._waiting.items() if it[:2] == (token, place)]
        if not mine and len(self._waiting) >= 100:
            abort(503)  # nobody pairs a hundred devices at once
        code = mine[0] if mine else _figures()
        while not mine and code in self._waiting:
            code = _figures()
        self._waiting[code] = (token, place, now)
        return code

    def approve(self, code: str) -> bool:
        """A technician typed the code that a device shows."""
        with self._codes:
            found = self._waiting.pop(code.replace(" ", ""), None)
        if found and found[2] > self._now() - 600:
            self.people.pair(*found[:2])
            return True
        return False

    def tried(self, who: str, right: Callable[[], bool]) -> str:
        """Why `who` may not come in: empty if he may; "wrong", or "worn" after too many guesses."""
        now, g.replaced = self._now(), self._replaced
        # A stranger may drop his cookie after each guess, and must not lock out those who belong here.
        known = self._stands() in ("here", *self.people.devices)
        device = self._stands() if known else f"{request.remote_addr}"
        kinds = (f"{who} {device}", device, f"hall {known}")
        counts = list(zip(self._patience, kinds, strict=True))
        with self._guessing:
            if any(patience.worn(what, now) for patience, what in counts):
                return "worn"
            if right():
                return ""
            for patience, what in counts:
                patience.fail(what, now)
            return "wrong"

    def open(self, answer: Response, role: str, who: str, place: str) -> Response:
        """A new session for who was `tried`, whose cookie goes with `answer`. Nobody comes in by a secret
        that somebody else has replaced meanwhile."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        device = "" if role == "technician" else self._stands()
        session = Session(role, who, device, place, now.boot, now.mono, now.mono)
        self._keep({digest(token): session}, lambda token, session: False)
        self._set(answer, "session", token, 0.5)
        return answer

    def end(self, answer: Response) -> Response:
        mine = digest(request.cookies.get(self._cookie("session"), ""))
        self._keep({}, lambda token, session: token == mine)
        answer.delete_cookie(self._cookie("session"), secure=self.secure, samesite="Strict")
        return answer

    def end_all(self, who: str) -> None:
        """Whoever signed in with a secret that no longer counts is out."""
        with self._lock:
            g.replaced = self._replaced = {**self._replaced, who: self._replaced.get(who, 0) + 1}
        self._keep({}, lambda token, session: session.who == who)

    def _keep(self, new: Mapping[str, Session], gone: Callable[[str, Session], bool]) -> None:
        with self._lock:
            if any(g.replaced.get(it.who) != self._replaced.get(it.who) for it in new.values()):
                abort(403)
            kept = {**self._sessions, **new}
            kept = {token: it for token, it in kept.items() if self._lasts(it) and not gone(token, it)}
            if kept != self._sessions:
                self._sessions = kept
                self.people.remember({token: asdict(it) for token, it in kept.items()})
