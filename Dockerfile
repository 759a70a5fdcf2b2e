# The bootstrap tool with this template inside, for those who have no Rust:
#
#     docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/work" IMAGE new my-service
#     docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/work" IMAGE update .
ARG RUST=docker.io/library/rust:1.95-bookworm
ARG BASE=gcr.io/distroless/static-debian12:nonroot

# checkov:skip=CKV_DOCKER_7: the tag is in RUST
# checkov:skip=CKV_DOCKER_2: it runs one command, and serves nothing
FROM ${RUST} AS build
# The tool finds the template where it was built, so it is in the same place in the image.
WORKDIR /uservice-bootstrap
# Static, since the base has no C library. Named, since cargo would build its macros static, too.
ENV RUSTFLAGS="-C target-feature=+crt-static"
ENV CARGO_BUILD_TARGET_DIR=/target

# The dependencies: a layer that lasts until Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir -p bootstrap/src bootstrap/tests/browser bootstrap/tests/cluster bootstrap/tests/endurance \
    && echo 'fn main() {}' >bootstrap/src/main.rs \
    && touch bootstrap/src/lib.rs bootstrap/tests/main.rs bootstrap/tests/browser/main.rs bootstrap/tests/cluster/main.rs \
        bootstrap/tests/endurance/main.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)"

# The tool itself. Sources that are older than the empty ones above would pass for built.
COPY .cargo .cargo
COPY bootstrap/src bootstrap/src
RUN touch bootstrap/src/*.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)" \
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
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/bootstrap"]
