# hallqueue: `make` alone lists what can be made. Nothing here asks a question.
PORT ?= 8080
HALL ?= examples/longshuitang.toml
# The first Python 3.11 to 3.13 that really runs.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
PYTHON313 ?= python3.13
BIN = .venv/bin
# Each of the many programs that the tests start would be compiled anew.
unexport PYTHONDONTWRITEBYTECODE

list:
	@echo "make run [PORT=8080]  a whole simulated hall on this machine  在本机运行整个模拟大厅"
	@echo "make test             set everything up, run all tests         安装并运行全部测试"
	@echo "make check            the quick ones: no browser, no root      快速测试:不用浏览器和 root"
	@echo "make lint             ruff, import-linter and mypy             检查代码"
	@echo "make bench            speed, memory and wear, as ratios        测速度、内存和磨损"
	@echo "make pictures         every ticket, sign and page as a picture   把号票、窗口屏、页面画成图"
	@echo "make torture          power cuts, kills, pulled cables, by the thousand   断电、杀进程、拔线各上千次"
	@echo "                      by parts too:$(PARTS:%= make torture-%)"
	@echo "make coverage         branches of controller/ that no test takes   哪些分支没有测到"
	@echo "make mutants [PART=windows]  is a spoiled rule noticed? (mutmut)  改坏规则,测试能不能发现"
	@echo "make faults           planted faults are found by their tests    埋进故障,看测试能不能发现"
	@echo "make fuzz             spoiled bytes, by the million           用坏数据考验解析器"
	@echo "make judge            strangers judge our bytes (Python 3.13)  第三方程序评判字节"
	@echo "make deb              the Debian package for the Pi             做树莓派的安装包"
	@echo "make deb-test         install, upgrade and remove it in a chroot  在 chroot 里安装、升级、卸载"
	@echo "make docs             tables of events and operations, picture of the rooms   生成事件表、操作表和房间图"
	@echo "make lock             write the lock files anew                重写依赖锁"

run: .venv/run
	@.ci/packages run
	@echo "启动模拟大厅 | starting the simulated hall: http://127.0.0.1:$(PORT)/twin"
	@$(BIN)/hallqueue simulate $(HALL) --port $(PORT)

test: .venv/test
	@.ci/packages test
	@echo "运行测试 | running the tests"
	@[ -z "$(CI)" ] || make --no-print-directory lint & lint=$$!; \
		$(BIN)/python -m pytest $(if $(SEED),--randomly-seed=$(SEED)); tests=$$?; wait $$lint && exit $$tests

# The inner loop: says what it leaves out.
check: .venv/test
	@$(BIN)/python -m pytest -n 2 --quick $(if $(SEED),--randomly-seed=$(SEED))

lint: .venv/test
	@echo "检查代码 | ruff, import-linter and mypy"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --no-logo
	@$(BIN)/mypy

bench: .venv/test
	@$(BIN)/python tests/bench.py

pictures: .venv/test
	@.ci/packages test
	@$(BIN)/python -m pytest -n 0 tests/pictures.py
	@echo "看 pictures/ 和 docs/pictures/ | look at pictures/ and docs/pictures/"

docs: .venv/test
	@PYTHONPATH=. $(BIN)/python tests/tables.py
	@$(BIN)/python tests/house.py

deb: .venv/run
	@echo "做安装包 | building the package"
	@packaging/deb

# As root: debootstrap and chroot need it.
deb-test: .venv/run
	@.ci/packages deb-test
	@packaging/deb-test

# Stamps: a changed lock or pyproject.toml installs again, all else is instant.
.venv/run: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" .ci/venv requirements.lock && touch $@

.venv/test: requirements-test.lock pyproject.toml
	@PYTHON="$(PYTHON)" .ci/venv requirements-test.lock && touch .venv/run $@

fuzz: .venv/test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0 || \
		{ echo "atheris 只有 x86-64 Linux 版 | atheris exists for x86-64 Linux only" >&2; exit 2; }
	@echo "用坏数据考验每个解析器,约半小时 | spoiled bytes for every parser, some half an hour"
	@$(BIN)/python tests/fuzz_atheris.py 100000
	@$(BIN)/python -m pytest tests/test_fuzz.py --hypothesis-profile fuzz --damages 1000000

# Each part takes at most 40 minutes on two cores and writes its row of docs/quality.md.
PARTS = cuts cables month-1 month-2 kills ext4 hammer samples values files chaos
cuts = tests/test_powercut.py --states 150000
cables = tests/test_replug.py --cycles 1000
month-1 = tests/test_month.py --days 11
month-2 = tests/test_month.py --days 11 --after 11
kills = tests/test_kill_calls.py --cuts 1000
ext4 = tests/test_cut_ext4.py --cuts 1000
hammer = tests/test_hammer.py --seconds 120
samples = --times 25
values = tests/test_any_command.py --commands 1000000
files = tests/test_files.py --files 100000
chaos = tests/chaos.py

torture: $(PARTS:%=torture-%)

$(PARTS:%=torture-%): torture-%: .venv/test
	@echo "长考验 | torture: $*"
	@MALLOC_ARENA_MAX=2 timeout 40m $(BIN)/python -m pytest -n 0 -s --count $* $($*) # as systemd/10-sandbox.conf

coverage: .venv/test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pytest-cov==7.1.0
	@echo "哪些分支没有测到,约一刻钟 | which branches no test takes, some quarter of an hour"
	@$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered

# Every change that mutmut can think of, in a part of the rules and the journal; a test should notice it.
mutants: .venv/test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@echo "改坏规则和流水,看测试能不能发现 | spoiling rules and journal: $(or $(PART),all parts, some hours; PART=windows for one)"
	@$(BIN)/python tests/spoil.py $(PART)

# Plants faults in what is committed; see docs/faults.md.
faults: .venv/test
	@echo "埋进故障,看是不是正好那一个测试报错,约半小时 | planting faults: exactly their own test must fail, some half an hour"
	@$(BIN)/python tests/faults.py

# emupos needs Python 3.13; nothing of this environment is used by the hall or its tests.
judge: .venv/test
	@command -v $(PYTHON313) >/dev/null || { echo "找不到 Python 3.13 | no Python 3.13: make judge PYTHON313=/path/to/python3.13"; exit 2; }
	@[ -e .venv-judge/bin/emupos ] || { $(PYTHON313) -m venv --clear .venv-judge && \
		.venv-judge/bin/python -m pip install --quiet --disable-pip-version-check emupos==0.4.0 "pymodbus[serial]==3.16.1"; }
	@echo "emupos 打印号票,pymodbus 在总线另一端 | emupos prints our tickets, pymodbus stands on the other end"
	@$(BIN)/python -m pytest -n 0 tests/judges

lock:
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv
	@for e in "" test; do .venv-lock/bin/uv pip compile -q --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		$${e:+--extra $$e} pyproject.toml -o requirements$${e:+-$$e}.lock; done
	@rm -rf .venv-lock

.PHONY: list run test check deb deb-test lint bench pictures fuzz judge torture faults coverage mutants lock docs
.PHONY: $(PARTS:%=torture-%)
