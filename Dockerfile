# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake g++ make perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
# Queries are checked against .sqlx: no database is needed here.
ENV SQLX_OFFLINE=true
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin mooring \
    && install -D target/release/mooring /out/mooring

FROM debian:bookworm-slim
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 mooring \
    && useradd --system --uid 10001 --gid mooring --no-create-home --shell /usr/sbin/nologin mooring \
    && install -d -o mooring -g mooring -m 0700 /var/lib/mooring
COPY --from=build /out/mooring /usr/local/bin/mooring
COPY --chmod=0755 packaging/healthcheck /usr/local/bin/healthcheck
USER 10001:10001
WORKDIR /var/lib/mooring
ENV MOORING_LISTEN=0.0.0.0:8080 \
    MOORING_DATA_DIR=/var/lib/mooring
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["healthcheck", "8080"]
ENTRYPOINT ["mooring"]
CMD ["api"]
