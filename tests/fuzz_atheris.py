"""Coverage-guided fuzzing (atheris) of every parser that reads a wire, and of every machine.

`python tests/fuzz_atheris.py RUNS` runs all targets, each in a process of its own; `make fuzz` calls it.
"""

import subprocess
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["drivers"]):
    import test_fuzz

Target = Callable[[bytes], object]


def feed(make: Callable[[], test_fuzz.Machine]) -> Target:
    """The bytes come in sevens, as a slow line brings them."""

    def target(data: bytes) -> None:
        machine = make()
        for start in range(0, len(data), 7):
            machine.feed(data[start : start + 7])

    return target


# The suite's own properties, whose examples atheris chooses instead of Hypothesis.
TARGETS: dict[str, Target] = {
    name: test.hypothesis.fuzz_one_input
    for name, test in vars(test_fuzz).items()
    if hasattr(test, "hypothesis") and not hasattr(test, "pytestmark")
}
TARGETS |= {f"machine {type(make()).__name__} {n}": feed(make) for n, make in enumerate(test_fuzz.MACHINES)}


def main() -> int:
    if len(sys.argv) == 3:
        options = ["-max_len=400", "-timeout=20", "-verbosity=0", f"-runs={sys.argv[1]}"]
        atheris.Setup([sys.argv[0], "-artifact_prefix=/tmp/hallqueue-fuzz-", *options], TARGETS[sys.argv[2]])
        atheris.Fuzz()
    broken = 0
    for name in TARGETS:
        done = subprocess.run([sys.executable, __file__, sys.argv[1], name], capture_output=True, text=True)
        print("✘" if done.returncode else "✔", f"{sys.argv[1]} runs:", name, flush=True)
        if done.returncode:
            broken += 1
            print(done.stdout[-2000:], done.stderr[-4000:])
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
