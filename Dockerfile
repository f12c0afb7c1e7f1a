# One static binary, the system's CA roots, and nothing else; not root, and
# content with a read-only root. Data is in the volume /data.
#
#   docker build -t porchlight .
#   docker run -p 127.0.0.1:8080:8080 -v porchlight:/data -v ./config:/etc/porchlight:ro porchlight
#
# tests/root/image.sh follows the COPY lines of the last stage without an engine.
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
# glibc can be linked in whole because nothing asks it for names or users:
# lookups are hickory-resolver's. A target is named so that build scripts and
# procedural macros are not linked statically, too.
ENV RUSTFLAGS="-C target-feature=+crt-static"
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
 && cargo build --locked --profile dist --target "$target" \
 && mkdir -p /out/data \
 && cp "target/$target/dist/porchlight" /out/porchlight

FROM scratch
COPY --from=build /out/porchlight /usr/bin/porchlight
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY contrib/debian/config.toml /etc/porchlight/config.toml
COPY --from=build --chown=65532:65532 /out/data /data
ENV PORCHLIGHT_CONFIG=/etc/porchlight/config.toml PORCHLIGHT_DATA=/data PORCHLIGHT_LISTEN=0.0.0.0:8080
USER 65532:65532
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/porchlight", "status"]
ENTRYPOINT ["/usr/bin/porchlight"]
CMD ["serve"]
