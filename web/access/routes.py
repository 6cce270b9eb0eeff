"""Every route, and who may use it. One that is not in this table is closed to everybody."""

ANYONE = frozenset({"anyone"})
TECHNICIAN = frozenset({"technician"})
# Every route: who may use it. One that is not here is closed to everybody.
ROUTES: dict[str, frozenset[str]] = {
    "static": ANYONE,
    "status": ANYONE,
    "rules": ANYONE,
    "health": ANYONE,
    "metrics": ANYONE,
    "hall": ANYONE,
    "ticket_page": ANYONE,
    "login": ANYONE,
    "enter": ANYONE,
    "leave": ANYONE,
    "wall": frozenset({"board"}),
    "kiosk": frozenset({"kiosk"}),
    "kiosk_state": frozenset({"kiosk"}),
    "kiosk_voice": frozenset({"kiosk"}),
    "kiosk_take": frozenset({"kiosk"}),
    "kiosk_help": frozenset({"kiosk"}),
    "pager": frozenset({"window"}),
    "clerk_enter": frozenset({"window"}),
    "pager_state": frozenset({"clerk"}),
    "pager_press": frozenset({"clerk"}),
    "desk": frozenset({"desk"}),
    "desk_enter": frozenset({"desk"}),
    "desk_act": frozenset({"desk clerk"}),
    "button": TECHNICIAN,
    "device_act": TECHNICIAN,
    "access": TECHNICIAN,
    "access_change": TECHNICIAN,
    "change": frozenset({"clerk", "desk clerk", "technician"}),
    # The simulated hall's own; not there in a real one.
    "page": ANYONE,
    "state": ANYONE,
    "paper": ANYONE,
    "pull": ANYONE,
}
