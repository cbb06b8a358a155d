.DEFAULT_GOAL := help
.PHONY: help up down check lint test fuzz notebooks dashboards kubernetes fixtures requirements clean
UV = $(shell command -v uv || echo .venv/bin/uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url

help: ## show this
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "make %-14s%s\n", $$1, $$2}'

up: ## start everything on this machine (./up.sh)
	./up.sh

down: ## stop it (./down.sh)
	./down.sh

check: ## all that CI runs
	.ci/run

lint: ## style, format, types, imports
	./setup.sh requirements-dev.txt
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

test: ## the tests alone
	./test.sh tests

fuzz: ## look for inputs that break a parser (MINUTES=10, TARGETS="lines influxql", KEEP=1 adds to the corpus)
	./setup.sh requirements-dev.txt
	cd tests && PYTHONPATH=.:../services ../.venv/bin/python -m fuzz.run --minutes $(or $(MINUTES),10) $(if $(KEEP),--keep) $(TARGETS)

notebooks: ## run the course against a stack of its own and write it as PDF (notebooks/pdf)
	./setup.sh requirements-dev.txt
	./up.sh
	.venv/bin/atipico notebooks pdf; did=$$?; ./down.sh; exit $$did

dashboards: ## write the dashboards of Grafana anew (compose/grafana/dashboards)
	.venv/bin/atipico grafana write compose/grafana/dashboards

requirements: ## compile the pins again, newest first (CONSTRAINTS=FILE holds some back)
	./setup.sh requirements-dev.txt
	rm -f requirements.txt requirements-lab.txt requirements-learn.txt requirements-dev.txt
	$(COMPILE) $(if $(CONSTRAINTS),-c $(CONSTRAINTS)) pyproject.toml --extra learn --extra lab --group dev -o requirements-dev.txt
	$(COMPILE) -c requirements-dev.txt pyproject.toml -o requirements.txt
	$(COMPILE) -c requirements-dev.txt pyproject.toml --extra lab -o requirements-lab.txt
	$(COMPILE) -c requirements-dev.txt pyproject.toml --extra learn -o requirements-learn.txt

audit: ## ask the advisory service about every pin in requirements*.txt (needs the network)
	./setup.sh requirements-dev.txt
	.venv/bin/python .ci/audit.py requirements.txt requirements-lab.txt requirements-learn.txt requirements-dev.txt

kubernetes: ## write the manifests for Kubernetes anew (compose/kubernetes)
	./setup.sh requirements-dev.txt
	.venv/bin/python compose/kubernetes/make.py

fixtures: ## keep a file of each kind that this version writes, for the tests of later ones
	./setup.sh requirements-dev.txt
	.venv/bin/python tests/fixtures/make.py

clean: ## remove caches; .venv and run/ stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
	find services tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
