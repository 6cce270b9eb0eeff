"""When the hall is open: sessions, the break between them, holidays and make-up workdays. Pure."""

from datetime import date, datetime, timedelta

from chinese_calendar import get_holiday_detail

from controller.settings.schema import Sessions, Settings

DAY_BEGINS = timedelta(hours=4)  # hall.md §2.7: the business day rolls at 04:00
_STATUTORY = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))  # those that no moon moves
EARLY = timedelta(minutes=30)  # before the opening all devices are at work, and tested
LONGEST = 400  # days that a hall may be closed at a stretch


def business_day(wall: datetime) -> str:
    """The day whose numbers are counted at `wall`, as ISO date."""
    first = wall.date() == date.min  # before it there is none
    return (wall if first else wall - DAY_BEGINS).date().isoformat()


def sessions(plan: Settings, day: date) -> Sessions:
    """The hall's own days first, then the State Council's, then the week's (hall.md §5)."""
    hours, own = plan.hours.of(day.weekday()), plan.calendar
    # A make-up Saturday has the hours of the first day that has any.
    workday = hours or next(filter(None, map(plan.hours.of, range(7))), ())
    if day in own.closed:
        return ()
    if day in own.extra:
        return workday
    if not own.national:
        return hours
    try:
        off, occasion = get_holiday_detail(day)
    except NotImplementedError:
        return () if (day.month, day.day) in _STATUTORY else hours
    if occasion:  # a holiday, or the workday that makes up for it
        return () if off else workday
    return hours


def announced(plan: Settings, year: int) -> bool:
    """Are the year's public holidays known? Until they are, its days are the week's."""
    try:
        get_holiday_detail(date(year, 1, 1))
    except NotImplementedError:
        return not plan.calendar.national
    return True


def within(hours: Sessions, wall: datetime) -> bool:
    return any(start <= wall.time() < end for start, end in hours)


def is_open(plan: Settings, wall: datetime) -> bool:
    return within(sessions(plan, wall.date()), wall)


def next_opening(plan: Settings, wall: datetime, hours: Sessions = ()) -> datetime:
    """The start of the next session after `wall`; with the `hours` of a service, of its next one."""
    for days in range(LONGEST):
        day = wall.date() + timedelta(days=days)
        for start, end in sessions(plan, day):
            own = [max(start, first) for first, last in hours if first < end and last > start]
            for moment in own if hours else [start]:
                opening = datetime.combine(day, moment, wall.tzinfo)
                if opening > wall:
                    return opening
    return wall + timedelta(days=LONGEST)  # a hall that stays closed: no day is better than another


def in_break(plan: Settings, wall: datetime) -> bool:
    """Closed now, but the hall was open today and opens again today."""
    today = sessions(plan, wall.date())
    if is_open(plan, wall) or not today:
        return False
    return today[0][0] <= wall.time() < today[-1][0]


def opens_again(plan: Settings, wall: datetime) -> bool:
    """Is there still a session today, now or later?"""
    return any(wall.time() < end for _, end in sessions(plan, wall.date()))


def before_opening(plan: Settings, wall: datetime) -> bool:
    """Does the day's first session begin soon?"""
    starts = [datetime.combine(wall.date(), start, wall.tzinfo) for start, _ in sessions(plan, wall.date())]
    return bool(starts) and starts[0] - EARLY <= wall < starts[0]


def closing(plan: Settings, wall: datetime) -> datetime | None:
    """When the session of now ends."""
    ends = [end for start, end in sessions(plan, wall.date()) if start <= wall.time() < end]
    return datetime.combine(wall.date(), ends[0], wall.tzinfo) if ends else None


def quota(plan: Settings, service: str, wall: datetime) -> int:
    """How many tickets of `service` the session of now may give; a session without a figure of its
    own has that of the one before."""
    figures = plan.service[service].quota
    number = sum(start <= wall.time() for start, _ in sessions(plan, wall.date()))
    return figures[: max(1, number)][-1] if figures else 10**9
