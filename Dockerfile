# syntax=docker/dockerfile:1
#
# docker build -t regcred .
#
# The image runs as 65532 and writes nothing: --read-only works, and so does the Pod Security level
# "restricted". Without Docker: `python -m cluster.operatorimage` makes one with the same paths.
#
# For a base that cannot change give its digest:
#   --build-arg PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm@sha256:…
# Both stages have to be of one Python and one Debian, hence one argument.
ARG PYTHON_IMAGE=docker.io/library/python:3.13.7-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
RUN pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/regcred
WORKDIR /src
# The dependencies by themselves: they change less often than we do. Wheels only, by uv.lock's
# hashes: no compiler is asked for. With all extras: which providers PullCredentials will name,
# nobody knows beforehand.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --all-extras --no-install-project --no-build
COPY README.md LICENSE ./
COPY src src
RUN uv sync --frozen --no-dev --all-extras --no-editable \
 && /opt/regcred/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/regcred/lib

FROM ${PYTHON_IMAGE}
# What installs packages is of no use where nothing can be written.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/local/bin/pip* \
 && echo "nonroot:x:65532:65532::/:/usr/sbin/nologin" >> /etc/passwd \
 && echo "nonroot:x:65532:" >> /etc/group
COPY --from=build /opt/regcred /opt/regcred
ENV PATH=/opt/regcred/bin:/usr/local/bin:/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8
LABEL org.opencontainers.image.title=regcred org.opencontainers.image.licenses=Apache-2.0
USER 65532:65532
WORKDIR /
ENTRYPOINT ["regcred"]
