# The bootstrap tool with this template inside, for those who have no Rust:
#
#     docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/work" IMAGE new my-service
#     docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/work" IMAGE update .
#
# and as a web page:
#
#     docker run --rm --tmpfs /tmp -p 8080:8080 IMAGE serve

# The bases, where dependabot finds and renews them, since it reads no ARG; `--build-arg RUST=…` names another.
# checkov:skip=CKV_DOCKER_7: the tags are here
# checkov:skip=CKV_DOCKER_2: it runs one command; of one that serves, /healthz says how it is
ARG RUST=rust
ARG BASE=base
FROM docker.io/library/rust:1-trixie@sha256:f49565f188ee00bc2a18dd418183f2c5f23ef7d6e691890517ed341a598f67c3 AS rust
FROM gcr.io/distroless/static-debian13:nonroot@sha256:e2e927ec666bae08560abb3c55d0659eceabb657f56b6782ab500a9fc7f555e3 AS base

FROM ${RUST} AS build
# The tool finds the template where it was built, so it is in the same place in the image.
WORKDIR /uservice-bootstrap
# Static, since the base has no C library. Named, since cargo would build its macros static, too.
ENV RUSTFLAGS="-C target-feature=+crt-static"
ENV CARGO_BUILD_TARGET_DIR=/target

# The dependencies: a layer that lasts until Cargo.lock or a Cargo.toml changes. The secrets, where they are given, take the
# place of CA certificates and of cargo's configuration, as in a service's Dockerfile.
COPY Cargo.toml Cargo.lock ./
COPY template/apikit/Cargo.toml template/apikit/
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    sed -n 's/^path = "\(.*\)"/\1/p' Cargo.toml >/tmp/targets && xargs -a /tmp/targets -n 1 install -D /dev/null \
    && install -D /dev/null template/apikit/src/lib.rs \
    && echo 'fn main() {}' >bootstrap/src/main.rs \
    && cargo build --release --locked --features serve --target "$(rustc --print host-tuple)"

# The tool itself. Sources that are older than the empty ones above would pass for built.
COPY .cargo .cargo
COPY template/apikit/src template/apikit/src
COPY bootstrap/src bootstrap/src
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=cargo,target=/usr/local/cargo/config.toml \
    touch bootstrap/src/*.rs template/apikit/src/lib.rs \
    && cargo build --release --locked --features serve --target "$(rustc --print host-tuple)" \
    && mv "/target/$(rustc --print host-tuple)/release/bootstrap" /bootstrap

FROM ${BASE}
LABEL org.opencontainers.image.title="uservice-bootstrap" \
      org.opencontainers.image.description="Renders API microservices in Rust from four answers" \
      org.opencontainers.image.licenses="MIT"
COPY cargo-generate.toml CHANGELOG.md /uservice-bootstrap/
COPY hooks /uservice-bootstrap/hooks
COPY template /uservice-bootstrap/template
COPY --from=build /bootstrap /usr/local/bin/bootstrap
# Any user's, and what cargo-generate wants to know of one.
ENV HOME=/tmp USER=nobody
WORKDIR /work
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/bootstrap"]
