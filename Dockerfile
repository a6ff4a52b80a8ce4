# The program in an image of its own: what it needs to run, and nothing else. No shell, no package manager, no secret.
#
#   docker build --tag mtdh .
#   docker run --rm mtdh --help
#
# `--target debug` is the same beside a shell and the tools of Debian, to look around in; it is for people, not for runs.
#
# RUST names the image that builds, DEBIAN the one under the shell; pin them by digest where the same bytes must come out in a year.
ARG RUST=docker.io/library/rust:1.95-slim-bookworm
ARG DEBIAN=docker.io/library/debian:bookworm-slim

FROM ${RUST} AS build
# Times inside the image. The same sources, base image and time give the same image.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} RUSTFLAGS="--remap-path-prefix=/src=."
WORKDIR /src
# What ISA-L is built with, the library that inflates.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends autoconf automake libtool make nasm && \
    rm -rf /var/lib/apt/lists/*
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN cargo build --locked --release --package mtdh --features isal
# The root directory of the image: the program, the libraries that it names, the certificates of the world, a user.
RUN set -eu; \
    mkdir -p /root-directory/etc/ssl/certs /root-directory/usr/local/bin /owned/home/mtdh/data /owned/home/mtdh/logs /owned/tmp; \
    cp target/release/mtdh /root-directory/usr/local/bin/mtdh; \
    ldd target/release/mtdh >/tmp/linked; \
    grep -o '/[^ ]*' /tmp/linked >/tmp/libraries; \
    while read -r library; do \
      mkdir -p "/root-directory$(dirname "$library")"; \
      cp -L "$library" "/root-directory$library"; \
    done </tmp/libraries; \
    cp -L /etc/ssl/certs/ca-certificates.crt /root-directory/etc/ssl/certs/ca-certificates.crt; \
    echo 'mtdh:x:65532:65532::/home/mtdh:/sbin/nologin' >/root-directory/etc/passwd; \
    echo 'mtdh:x:65532:' >/root-directory/etc/group; \
    chmod 1777 /owned/tmp; \
    find /root-directory /owned -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

FROM ${DEBIAN} AS debug
COPY --from=build /root-directory/usr/local/bin/mtdh /usr/local/bin/mtdh
COPY --from=build /root-directory/etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /owned/home/ /home/
ENV TZ=UTC \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    MTDH_CACHE_DIR=/tmp/mtdh-cache
USER 65532:65532
WORKDIR /home/mtdh
CMD ["/bin/bash"]

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mtdh" \
      org.opencontainers.image.description="Turns Tardis.dev, the archive of crypto tick data, into a Parquet lake that people can trust" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /root-directory/ /
COPY --from=build --chown=65532:65532 /owned/ /
# There is no time zone database inside: the clock is UTC, whatever the machine's is.
ENV TZ=UTC \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    MTDH_CACHE_DIR=/tmp/mtdh-cache
USER 65532:65532
WORKDIR /home/mtdh
# Without words the program prints its help and ends with 2.
ENTRYPOINT ["/usr/local/bin/mtdh"]
