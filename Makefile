# Every target sets up what it needs: python3 (>= 3.11) and make are all that a fresh machine must have.
PYTHON ?= python3
PROFILE ?= preview
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: up test lint rinha rinha-floor chaos fuzz bench lock schemas sbom licences release clean

up: $(VENV)/installed
	@$(RUN) -m sandbox.stack

# In the order of the folders: the long files of tests/e2e first, so that at the end no worker is alone with one. Most of
# their time they wait: five at once keep two cores busy. With bytecode, also where the shell forbids it: every service
# that a test starts, and every worker, would compile the same files again.
test: $(VENV)/installed
	PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n 5 --dist loadscope --no-loadscope-reorder --durations=20

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	$(RUN) -m deploy.advisories

# LIMITS=compose: under the limits of docker-compose.yml, as control groups.
rinha: $(VENV)/installed
	@$(RUN) -m sandbox.rinha $(PROFILE)

# nginx alone answering under the same load: what no system on this machine can be faster than.
rinha-floor: $(VENV)/installed
	@$(RUN) -m sandbox.rinha.floor_run $(PROFILE)

# SEED, MINUTES, RATE, FAULTS, DISPATCHERS, NATS_NODES, SYNC, IN_FLIGHT_MAX, STORE from the environment or as make's variables.
chaos: $(VENV)/installed
	@$(RUN) -m sandbox.chaos

# Requests generated from /openapi.json, held against it; FUZZ_EXAMPLES per operation and kind, SEED, FUZZ_URL. Then
# requests that readers of HTTP may differ about, through each of our readers; FUZZ_REQUESTS of them.
fuzz: $(VENV)/installed
	@$(RUN) -m sandbox.fuzz
	@$(RUN) -m tests.readings

bench: $(VENV)/installed
	@$(RUN) -m benchmarks

# The JSON Schemas of the events, and the settlement's fields in openapi.json, generated from the code; tests compare them.
schemas: $(VENV)/installed
	$(RUN) -m services.contracts.schema_files
	$(RUN) -m services.ingress.adapters.openapi_file

# What is shipped, as CycloneDX: .run/sbom.cdx.json, the same bytes each time for a commit.
sbom: $(VENV)/installed
	@$(RUN) -m deploy.sbom

# dist/: wheel, sdist, bill of materials and their digests, of what is committed. Built twice: the bytes must be the same.
release: $(VENV)/installed
	@$(RUN) -m deploy.release

# After `make lock`: docs/licences.md; a test compares it.
licences: $(VENV)/installed
	@$(RUN) -m deploy.licences

# After a change of dependencies in pyproject.toml.
lock: $(VENV)/installed
	$(VENV)/bin/pip-compile --quiet --extra dev --generate-hashes --strip-extras --allow-unsafe \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml

$(VENV)/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tarifa needs Python 3.11 or later; this is " + sys.version.split()[0])'
	@echo "Setting up $(VENV): about a minute the first time."
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

clean:
	rm -rf $(VENV) .run dist
