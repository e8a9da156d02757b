# The image of gpu-agent, for people who have Docker; `cargo xtask image` makes one without it.
#
#   docker build --tag gpu-agent .
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --release --package gpu-agent

# The C library and its loader, the libraries that Rust links beside them, and the user "nonroot" (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/gpu-agent /usr/local/bin/gpu-agent
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/gpu-agent"]
