# regcred: `make` lists the tasks. Each one sets up what it needs.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# uv from PATH, else from PyPI into this folder; --target needs no venv module and leaves the
# system's Python alone.
TOOLS := .tools
UV := $(shell command -v uv || echo $(TOOLS)/bin/uv)
RUN := $(UV) run --frozen
PYTEST := $(RUN) pytest
CORES := $(shell getconf _NPROCESSORS_ONLN)

ON_A_CLUSTER := tests/e2e tests/integration
# Tests on a cluster that take their counts of faults and examples from `make soak`, too; those that
# leave the most behind come last.
SOAKED := $(addprefix tests/integration/,faults test_operator_specs.py test_admission_webhook.py \
	test_admission_policies.py)

# The oldest control plane that cluster/go pins, 1.N.
OLDER := $(lastword $(subst -, ,$(firstword $(sort $(wildcard cluster/go/kubernetes-1.*)))))

# Containers like to set it; then each program that a test starts would be compiled anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(TOOLS)/bin/uv:
	@python3 -c 'import pip' 2>/dev/null || { echo "make: uv comes by pip, which is not here: apt-get install python3-pip" >&2; exit 1; }
	@echo "getting uv from PyPI into $(TOOLS) (once, some seconds)"
	@python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target $(TOOLS) uv

.PHONY: setup
setup: $(filter $(TOOLS)/bin/uv,$(UV)) ## make the Python environment in .venv
	@test -d .venv || echo "making the Python environment in .venv (once, some seconds)"
	@$(UV) sync --frozen --quiet

.PHONY: demo
demo: setup ## from a Pod that may not pull to a cluster that keeps itself logged in
	@$(RUN) python -m cluster.demo $(ARGS)

.PHONY: test
test: check ## all tests: unit, integration (real API server and registries), e2e (real kubelet)
	@# Asks for Debian packages where it may. What cannot be had here is a failure with CI=true;
	@# else pytest runs the tiers that need no more than there is, and names the others.
	@$(RUN) python -m cluster prepare --node --registry --helm --kustomize --gitops || [ "$${CI:-}" != true ]
	@# Two for each core: in one of them a kubelet or a registry is waited for, most of the while.
	@# These go by the clock of a whole cluster on this machine. What fails runs once more with the
	@# machine to itself, and both are shown; what fails again is a failure.
	@$(PYTEST) $(ON_A_CLUSTER) -q -n $$((2 * $(CORES))) --maxprocesses 8 --dist loadgroup || { \
		code=$$?; [ $$code = 1 ] || exit $$code; echo "make: once more, one by one, what failed"; \
		$(PYTEST) $(ON_A_CLUSTER) -v --last-failed --last-failed-no-failures none --maxfail 3; }

.PHONY: test-all
test-all: ## make test, and all that follows here: what a release has to pass; an hour on two cores
	@for each in test test-pythons test-wheel test-older test-fresh; do \
		echo "make: $$each"; $(MAKE) --no-print-directory $$each; done

.PHONY: test-pythons
test-pythons: setup ## unit tests on every Python that is supported
	@$(RUN) python -m tools.pythons $(ARGS)

.PHONY: test-older
test-older: setup ## integration tests on the oldest Kubernetes that is supported
	@REGCRED_KUBERNETES=$(OLDER) $(RUN) python -m cluster prepare --registry --helm --kustomize --gitops
	@REGCRED_KUBERNETES=$(OLDER) $(PYTEST) tests/integration -q -n $$((2 * $(CORES))) --maxprocesses 8 --dist loadgroup $(ARGS)

.PHONY: test-fresh
test-fresh: setup ## the README's commands from a fresh clone, on a machine with nothing made before
	@$(RUN) python -m tests.support.fresh "make demo" "make test"

.PHONY: test-wheel
test-wheel: dist ## unit tests and those of the verbs with the wheel of dist/, not the tree
	@rm -rf build/wheel
	@UV_PROJECT_ENVIRONMENT=build/wheel $(UV) sync --frozen --quiet --no-install-project
	@$(UV) pip install --quiet --python build/wheel --no-deps dist/regcred-*.whl
	@REGCRED_TESTED=wheel UV=$(abspath $(UV)) build/wheel/bin/python -m pytest -o pythonpath=. -q -n $(CORES) --dist loadgroup \
		tests/unit tests/integration/test_*_verb.py $(ARGS)

.PHONY: check
check: setup docs ## format, lint, types, layers, docs and unit tests; four minutes on two cores
	@$(RUN) ruff format --check --quiet
	@$(RUN) ruff check --quiet
	@$(RUN) mypy
	@$(RUN) lint-imports --no-cache
	@$(PYTEST) tests/unit -n $(CORES) --cov --cov-report=term --cov-fail-under=100 -q

.PHONY: format
format: setup ## put the code into the form that `make check` wants
	@$(RUN) ruff check --quiet --fix
	@$(RUN) ruff format --quiet

.PHONY: generated
generated: setup ## write what is made from code or chart: the reference, the chart's README.md, deploy/
	@$(RUN) python -m tools

.PHONY: dist
dist: setup ## build the wheel and the sdist into dist/; one commit gives the same bytes each time
	@rm -f dist/*.whl dist/*.tar.gz
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(RUN) python -m tools.dist dist

.PHONY: release
release: setup ## what is published of this commit, in dist/: wheel, sdist, the image's SBOM, checksums
	@[ -z "$$(git status --porcelain)" ] || { echo "make: commit first: what is built has to be of a commit" >&2; exit 1; }
	@[[ "$$($(RUN) regcred --version)" != *dev* ]] || { echo "make: $$($(RUN) regcred --version) is none" >&2; exit 1; }
	@rm -rf dist
	@$(MAKE) --no-print-directory dist sbom
	@cd dist && sha256sum regcred-* > SHA256SUMS && cat SHA256SUMS
	@echo "make: after make test-all it may go: git tag v$$($(RUN) regcred --version | cut -d' ' -f2), uv publish"

.PHONY: sbom
sbom: setup ## say what is in the operator's image, as CycloneDX, in dist/
	@mkdir -p dist
	@$(RUN) python -m cluster.operatorimage --sbom dist/regcred-$$($(RUN) regcred --version | cut -d' ' -f2)-image.cdx.json

.PHONY: docs
docs: setup ## build the site of docs/ into site/; a dead link fails. ARGS=serve shows it
	@# Not --quiet: what it does not say it does not count either.
	@NO_MKDOCS_2_WARNING=1 $(RUN) python -m mkdocs $(or $(ARGS),build --strict)

.PHONY: pictures
pictures: setup ## draw the pictures of docs/pictures from their text
	@$(RUN) python -m tools.pictures

.PHONY: cluster
cluster: setup ## a one-node cluster with registries to play with; `make cluster ARGS=down` ends it
	@$(RUN) python -m cluster $(or $(ARGS),up --node --registry)

.PHONY: bench
bench: setup ## measure against kubectl and the floor, with the goal beside each figure
	@$(RUN) python -m tests.benchmarks $(ARGS)

.PHONY: soak
soak: setup ## full counts of examples and of faults of the operator; an hour or two
	@REGCRED_EXAMPLES=soak $(PYTEST) tests/unit -n $(CORES) -m hypothesis --timeout 3600 -q $(ARGS)
	@REGCRED_EXAMPLES=soak $(PYTEST) $(SOAKED) -n $(CORES) --dist loadgroup --timeout 3600 -q $(ARGS)

.PHONY: fuzz
fuzz: setup ## one parser fed with what its code makes of it: ARGS='TARGET -max_total_time=60'
	@$(RUN) --group fuzz python -m tests.fuzz $(ARGS)

.PHONY: clean
clean: ## remove what the tasks made here (not the cluster builds in ~/.cache/regcred)
	rm -rf .venv $(TOOLS) dist build site .coverage* htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
