# syntax=docker/dockerfile:1
#
# One image with the server and the programs of the PostgreSQL it starts for itself:
#
#   docker build -t omi-server .
#   docker run -d --init --name omi -p 127.0.0.1:8080:8080 -v omi:/data omi-server
#   docker exec omi omi-server model fetch
#
# No models are inside: the last line puts them into the volume. docker-compose.yml does all of it, with PostgreSQL
# in a container of its own.
#
# This file was written where no Docker engine runs: its steps were tried one by one on Debian 12, never as a build.

FROM rust:1-bookworm AS build
WORKDIR /src
RUN --mount=type=bind,source=tools,target=/tools \
    /tools/install-prerequisites packages cmake libclang-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
COPY . .
ARG TARGETARCH
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,id=omi-server-target-${TARGETARCH} \
    CARGO_TARGET_DIR=/target cargo build --release --locked \
    && strip --strip-debug -o /omi-server /target/release/omi-server

FROM debian:bookworm-slim
# PostgreSQL's programs without the cluster and service that the package would make.
RUN --mount=type=bind,source=tools,target=/tools \
    /tools/install-prerequisites packages ca-certificates libstdc++6 postgresql \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin omi \
    && install -d -o omi -g omi -m 711 /data
COPY --from=build /omi-server /usr/local/bin/omi-server
USER 10001:10001
WORKDIR /data
VOLUME /data
# OMI_PUBLIC_URL is what clients see: set it when they reach the server under another name or port.
ENV OMI_DATA_DIR=/data \
    OMI_BIND=0.0.0.0:8080 \
    OMI_PUBLIC_URL=http://localhost:8080
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["omi-server", "healthcheck"]
ENTRYPOINT ["omi-server"]
CMD ["serve"]
