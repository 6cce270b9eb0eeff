"""When the hall is open: weekly sessions and the break between them. Pure."""

from datetime import date, datetime, timedelta

from controller.settings import Session, Settings

DAY_BEGINS = timedelta(hours=4)  # domain.md §2.7: the business day rolls at 04:00


def business_day(wall: datetime) -> str:
    """The day whose numbers are counted at `wall`, as ISO date."""
    return (wall - DAY_BEGINS).date().isoformat()


def sessions(plan: Settings, day: date) -> tuple[Session, ...]:
    return plan.hours.of(day.weekday())


def is_open(plan: Settings, wall: datetime) -> bool:
    return any(start <= wall.time() < end for start, end in sessions(plan, wall.date()))


def next_opening(plan: Settings, wall: datetime) -> datetime:
    """The start of the next session after `wall` (settings guarantee one a week)."""
    for days in range(8):
        day = wall.date() + timedelta(days=days)
        for start, _ in sessions(plan, day):
            moment = datetime.combine(day, start, wall.tzinfo)
            if moment > wall:
                return moment
    raise AssertionError("a week without a session passed the check of the settings")


def in_break(plan: Settings, wall: datetime) -> bool:
    """Closed now, but the hall was open today and opens again today."""
    today = sessions(plan, wall.date())
    if is_open(plan, wall) or not today:
        return False
    return today[0][0] <= wall.time() < today[-1][0]
