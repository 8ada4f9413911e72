# `make lab` and `make test` are the course's two commands; the programs in tools/ do their work, also without make.
PYTHON ?= python3

help:
	@echo 'make lab      open the course in JupyterLab; the first call installs it into .venv'
	@echo 'make test     run every test and every notebook'
	@echo 'make update   bring the course up to date; what you changed is kept as notebooks/my_...'
	@echo 'make run      execute the notebooks and save their outputs'
	@echo 'make measure  record how long each notebook takes and how much memory it needs'
	@echo 'make lint     check the form of all code, notebooks included'
	@echo
	@echo 'TORCH=cpu            take the smaller CPU build of PyTorch (first call only)'
	@echo 'PYTHON=python3.12    choose the Python of a new .venv (3.10 to 3.14)'
	@echo 'ARGS="--no-browser"  hand further words to JupyterLab, pytest or the tool'

PROGRAM = tools/install.py $@ $(ARGS)
update: PROGRAM = tools/update.py
lab test update run measure lint:
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo 'There is no $(PYTHON) here: install Python 3.10 to 3.14 (on Debian or Ubuntu, as root:' \
	        'apt install python3 python3-venv), or name another with PYTHON=...' >&2; exit 1; }
	@exec "$(PYTHON)" $(PROGRAM)

.PHONY: help lab test update run measure lint
