"""Plants a fault in the program for each row ● of docs/faults.md and runs all tests of that page on it:
exactly the row's own test must fail. `make faults`; needs some half an hour.

    faults.py [WORD...]   only the rows whose test has one of these words in its name
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (●?) ?\|.*\| `(\S+\.py::\w+)` \|$", (ROOT / "docs" / "faults.md").read_text(), re.M)
# The name of a test -> file, what stands there, what stands there with the fault.
PLANTS: dict[str, tuple[str, ...]] = {
    "test_whatever_a_power_cut_leaves_the_hall_goes_on_with_all_that_was_acknowledged": (
        "controller/journal/files.py",
        "os.fsync(file.fileno())",
        "pass",
    ),
    "test_on_a_full_card_calls_go_on_and_tickets_stop_until_there_is_room": (
        "controller/runtime/engine.py",
        'self.submit(StopTickets("disk_full", actor="clock"))',
        "pass",
    ),
    "test_what_is_damaged_today_is_refused_at_the_start_with_its_row": (
        "controller/journal/store.py",
        'if broken:\n            raise CannotStart("journal_damaged"',
        'if False:\n            raise CannotStart("journal_damaged"',
    ),
    "test_a_battery_is_believed_at_once_unless_it_is_before_the_journal": (
        "controller/runtime/clock.py",
        "before = self._last is not None and now.wall < self._last.wall",
        "before = False",
    ),
    "test_a_clock_that_jumps_a_month_sends_nobody_home": (
        "controller/hall/days.py",
        "return jump > JUMP and",
        "return False and",
    ),
    "test_a_day_that_a_wrong_word_opened_turns_back_to_the_people_of_before": (
        "controller/hall/days.py",
        "for ticket in left.tickets if",
        "for ticket in () if",
    ),
    "test_a_wrong_date_from_a_pad_opens_no_day_and_the_right_one_does": (
        "controller/hall/decide.py",
        "if known and far > FAR:",
        "if False:",
    ),
    "test_without_a_time_server_the_hall_closes_and_the_day_turns_as_ever": (
        "controller/runtime/clock.py",
        "self._held, self._said = True, None",
        "self._said = None",
    ),
    "test_a_restore_that_is_cut_anywhere_is_whole_or_told_and_is_done_again": (
        "controller/journal/backup.py",
        "key=lambda name: name == path.name",
        "key=lambda name: name != path.name",
    ),
    "test_where_a_journal_has_been_none_begins_anew": (
        "controller/journal/store.py",
        "elif traces(self.path):",
        "elif False:",
    ),
    "test_the_code_of_a_hall_that_had_a_technician_is_never_printed": (
        "controller/app/running.py",
        "if first and people.fresh:",
        "if people.fresh:",
    ),
    "test_no_damaged_modbus_answer_is_a_call": (
        "drivers/parts/modbus.py",
        "elif not check or rtu(frame[:-2]) == frame:",
        "elif True:",
    ),
    "test_a_bug_in_one_driver_is_logged_once_and_the_other_goes_on": (
        "drivers/base/bugs.py",
        "if kind not in self._told:",
        "if True:",
    ),
    "test_whatever_a_wire_raises_while_it_opens_is_told_with_its_cure_and_tried_again": (
        "drivers/base/port.py",
        "except BaseException as error:  # noqa: BLE001 - whatever an opening raises",
        "except LinkLost as error:  # noqa: BLE001 - whatever an opening raises",
    ),
    "test_of_twelve_guesses_at_once_five_are_judged": (
        "web/access/guard.py",
        "with self._guessing:",
        "if True:",
    ),
    "test_no_change_of_what_is_kept_about_people_is_lost_to_another": (
        "controller/journal/people.py",
        "with self._lock:\n            kept =",
        "if True:\n            kept =",
    ),
    "test_no_button_of_a_page_and_no_verb_sets_back_when_it_is_pressed_twice": (
        "display/stage.py",
        "self.muted | {name} if on else self.muted - {name}",
        "self.muted ^ {name}",
    ),
    "test_a_request_for_another_host_or_from_another_page_gets_nothing": ("web/app.py", "abort(421)", "pass"),
    "test_a_restart_with_a_broken_file_runs_the_last_valid_plan_under_a_red_line": (
        "controller/app/serving.py",
        "        if first:\n            raise\n",
        "        raise\n",
    ),
    "test_an_address_that_is_not_there_yet_is_worth_another_try": (
        "controller/app/running.py",
        "PASSING = (errno.EADDRNOTAVAIL, ",
        "PASSING = (",
    ),
    "test_what_cannot_work_is_refused_with_line_key_and_sentence": (
        "controller/settings/checks.py",
        "    a_pin_has_one_use,\n",
        "",
    ),
    "test_a_text_of_the_journal_that_is_refused_since_opens_all_the_same": (
        "controller/runtime/ports.py",
        "if name in plan.down:",
        "if False:",
    ),
    "test_an_engine_or_web_that_stands_still_is_named_with_its_place_and_systemd_hears_nothing": (
        "controller/runtime/watch.py",
        "if not late and now > self._fed + FED:",
        "if now > self._fed + FED:",
    ),
    "test_a_driver_that_hangs_is_given_up_and_what_it_does_later_reaches_nobody": (
        "drivers/base/kinds.py",
        "if not self.gone:",
        "if True:",
    ),
    "test_whatever_printers_hang_no_page_is_begun_by_two_and_each_has_one_answer": (
        "drivers/base/paper.py",
        "            if known:\n",
        "            if True:\n",
    ),
    "test_after_three_times_in_an_hour_it_stays_down_until_somebody_reconnects_it": (
        "controller/runtime/ports.py",
        "TIMES, HOUR = 3, 3600.0",
        "TIMES, HOUR = 3, 0.0",
    ),
    "test_a_child_that_hangs_is_killed_and_its_thread_goes_on_whatever_it_raised": (
        "controller/runtime/child.py",
        "self.awaited < due",
        "False",
    ),
    "test_time_passes_though_commands_come_without_a_pause": (
        "controller/runtime/engine.py",
        "if now >= tick:",
        "if now >= tick and self._inbox.empty():",
    ),
    "test_an_engine_that_answers_only_bugs_or_is_dead_is_told": (
        "controller/runtime/engine.py",
        'return "bugs"',
        'return ""',
    ),
    "test_a_second_daemon_on_one_journal_is_refused": (
        "controller/journal/files.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
    ),
    "test_every_field_of_every_command_refuses_what_is_beyond_its_bounds": (
        "controller/hall/bounds.py",
        "self.low <= len(least) and len(value) <= self.high",
        "self.low <= len(least)",
    ),
    "test_a_hall_that_a_pause_without_bounds_has_ended_is_served_on": (
        "controller/hall/bounds.py",
        "PAUSE = 480",
        "PAUSE = 600",
    ),
    "test_a_row_that_cannot_be_folded_is_told_by_its_number_with_what_to_do": (
        "controller/journal/store.py",
        'raise CannotStart("journal_unread", row=seq, kind=kind) from error',
        "raise",
    ),
    "test_a_device_whose_level_cannot_be_worked_out_leaves_the_others_alone": (
        "display/stage.py",
        "                if name not in self._ill:",
        "                if True:",
    ),
    "test_the_powers_word_is_that_of_the_firmwares_bits": (
        "controller/runtime/pi.py",
        '(0x1, "low")',
        '(0x0, "low")',
    ),
}


def failing(name: str) -> set[str]:
    """The tests of the page that fail in what is committed, with the fault of `name` in it."""
    place, right, wrong = PLANTS[name]
    with tempfile.TemporaryDirectory(prefix="hallqueue-faults-") as folder:
        subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
        (Path(folder) / ".venv").symlink_to(ROOT / ".venv")
        file = Path(folder) / place
        text = file.read_text()
        assert text.count(right) == 1, (place, right)
        file.write_text(text.replace(right, wrong))
        tests = [f"tests/{test}" for _, test in ROWS]
        run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "-rfE", *tests]
        here = {**os.environ, "PYTHONPATH": folder}
        done = subprocess.run(run, cwd=folder, env=here, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return set(re.findall(r"^(?:FAILED|ERROR) \S+::(\w+)", done.stdout, re.M))


def main() -> int:
    names = [name for name in PLANTS if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    found = 0
    for name in names:
        failed = failing(name)
        found += failed == {name}
        print("✔" if failed == {name} else "✘", name, "" if failed == {name} else sorted(failed), flush=True)
    print(f"{found} of {len(names)} planted faults made exactly their own test fail, of {len(ROWS)} tests")
    return found != len(names)


if __name__ == "__main__":
    sys.exit(main())
