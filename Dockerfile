# The services' image: one for all of them; docker-compose.yml has the command of each container.
#
#   docker build .                       the services
#   docker build --target processor .    a payment processor of the sandbox, for docker-compose.processors.yml
#
# The base is named by tag and not by digest: each build then has Debian's current fixes, and the challenge's machine may get
# that tag from any registry. For the same bytes every time, pull the tag by a digest first:
#
#   docker pull python@sha256:... && docker tag python@sha256:... python:3.11-slim-bookworm && docker build .

FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY pyproject.toml requirements.lock deploy/runtime_lock.py ./
# Only the runtime dependencies of the lock are installed, with their hashes: pip accepts no other bytes, and compiles nothing.
# The environment has no pip of its own; the base image's pip fills it.
RUN python runtime_lock.py pyproject.toml requirements.lock > runtime.lock \
    && python -m venv --without-pip /packages \
    && pip --python /packages install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: --requirement runtime.lock

FROM python:3.11-slim-bookworm AS base
# A numeric id, so that docker-compose.yml can name the same user for the volume "sockets".
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin tarifa \
    # A new volume mounted on one of these belongs to this user (docker-compose.closed.yml).
    && install --directory --owner 10001 --group 10001 --mode 750 \
        /secrets /door /each/nats /each/ledger /each/dispatcher /each/ingress
COPY --from=packages /packages /packages
ENV PATH=/packages/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
COPY deploy/answers deploy/has_metric /usr/local/bin/
COPY pyproject.toml ./
COPY services services
# The user may not write here: files that are not compiled now would be compiled again at every start.
RUN python -m compileall -q services
USER 10001:10001

FROM base AS processor
COPY sandbox sandbox
ENTRYPOINT ["python", "-m", "sandbox.processor", "--host", "0.0.0.0", "--port", "8080"]

FROM base AS services
CMD ["python", "-m", "services.ingress"]
