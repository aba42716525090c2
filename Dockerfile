# Callboard in a container; docs/operations.md explains the settings and has a compose file.
#
#     docker build -t callboard .

FROM rust:1.95.0-slim-trixie AS build
# SQLite is built from source
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
# the image's toolchain is the right one; nothing is to be added to it
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package callboard

FROM debian:trixie-slim
# ffprobe (of ffmpeg) reads media more fully than Callboard alone; curl asks for health
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl ffmpeg \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --home-dir /data callboard \
 && install --directory --mode=0700 --owner=callboard --group=callboard /data
COPY --from=build /src/target/release/callboard /usr/local/bin/callboard

USER callboard
WORKDIR /data
VOLUME /data
# others reach a container by its network only; callbacks then need push.allow_targets
ENV CALLBOARD_DATA=/data
ENV CALLBOARD_LISTEN=0.0.0.0:8800
ENV CALLBOARD_OPS_LISTEN=0.0.0.0:8801
ENV CALLBOARD_LOG_FORMAT=json
# 8801 is for the inside: do not publish it
EXPOSE 8800

STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["curl", "-fsS", "http://127.0.0.1:8801/healthz"]
CMD ["callboard", "serve"]
