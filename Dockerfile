# The images of Video Factory. Targets: worker, operator and s3 compile what they hold;
# worker-prebuilt, operator-prebuilt, s3-prebuilt and testing-prebuilt take it from the build
# context instead, a folder with the programs: docker build -f Dockerfile --target worker-prebuilt DIR
# All run as user 65532 with a read-only root file system; they write to /tmp and /work only.
# Bases are named by digest, because a tag can be moved; .github/dependabot.yml brings new ones.
ARG BASE=debian:bookworm-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251
ARG RUST=rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
ARG GO=golang:1.26-bookworm@sha256:116d58cbd88c1297624acc6e967a060012422bacf9930927e23fb719189c6f36

FROM ${RUST} AS builder
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin videofactory-worker --bin videofactory-operator \
    && mkdir /out \
    && cp target/release/videofactory-worker target/release/videofactory-operator /out/

FROM ${GO} AS s3-builder
ARG VERSITYGW_VERSION=v1.8.0
RUN CGO_ENABLED=0 GOBIN=/out go install -trimpath -ldflags '-s -w' \
    github.com/versity/versitygw/cmd/versitygw@${VERSITYGW_VERSION}

# The model of the embedded voices. scripts/voices fetches it; its folder is given as a build context of this name:
# --build-context kokoro="$(scripts/voices)". Without it flite and espeak-ng are all the voices there are.
FROM scratch AS kokoro

# What a step's pod works with: ffmpeg, the embedded voices (kakasi reads kanji for them), and Noto's faces, regular and
# bold, for the scripts that captions may be in: docs/languages.md shows the list below, and a test reads it here. Drivers of graphics cards, which ffmpeg's packages
# bring along, go again. All this comes before the program, which changes often.
FROM ${BASE} AS worker-tools
# Packages without a version: Debian's archive keeps no older one than its newest fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates espeak-ng ffmpeg flite fontconfig fonts-noto-cjk fonts-noto-core kakasi tzdata \
    && fonts=/usr/share/fonts && mkdir /kept \
    && for face in NotoSans NotoSansArabic NotoSansHebrew NotoSansDevanagari NotoSansBengali \
        NotoSansGurmukhi NotoSansGujarati NotoSansOriya NotoSansTamil NotoSansTelugu NotoSansKannada \
        NotoSansMalayalam NotoSansSinhala NotoSansThai NotoSansLao NotoSansKhmer NotoSansMyanmar \
        NotoSerifTibetan NotoSansGeorgian NotoSansArmenian NotoSansEthiopic NotoSansThaana \
        NotoSansSyriac NotoSansNKo NotoSansAdlam NotoSansTifinagh NotoSansCherokee \
        NotoSansCanadianAboriginal NotoSansMongolian NotoSansJavanese NotoSansYi NotoSansSymbols \
        NotoSansSymbols2; do \
        for weight in Regular Bold; do \
            if [ -e "$fonts/truetype/noto/$face-$weight.ttf" ]; then \
                mv "$fonts/truetype/noto/$face-$weight.ttf" /kept/; \
            fi; \
        done; \
        [ -e "/kept/$face-Regular.ttf" ] || exit 1; \
    done \
    && mv "$fonts"/opentype/noto/NotoSansCJK-Regular.ttc "$fonts"/opentype/noto/NotoSansCJK-Bold.ttc /kept/ \
    && rm -rf "$fonts" && mkdir -p "$fonts/truetype" && mv /kept "$fonts/truetype/noto" \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/* \
        /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* \
        /usr/share/mime /usr/share/icons /usr/share/perl /usr/lib/*/perl \
    && rm -rf /usr/lib/*/dri /usr/lib/*/mfx /usr/lib/*/libLLVM-* /usr/lib/*/libz3.* /usr/lib/*/libmfxhw64.* \
    && fc-cache --really-force --system-only \
    && ffmpeg -loglevel error -f lavfi -i testsrc=d=1 -c:v libx264 -f null - \
    && flite -t hello -o /dev/null && espeak-ng -v ja -w /dev/null hello
COPY --from=kokoro / /usr/share/videofactory/kokoro/
ENV HOME=/tmp
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/videofactory-worker"]

FROM worker-tools AS worker
COPY --from=builder /out/videofactory-worker /usr/local/bin/

FROM worker-tools AS worker-prebuilt
COPY videofactory-worker /usr/local/bin/

# The C library, certificates and time zones, and no program at all. /usr/lib64 is there on amd64 alone.
FROM ${BASE} AS libraries
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates libgcc-s1 tzdata \
    && root=/minimal && mkdir -p "$root/etc/ssl/certs" "$root/usr/share" "$root/tmp" "$root/work" \
    && chmod 1777 "$root/tmp" "$root/work" \
    && for dir in lib lib64; do \
        if [ -d "/usr/$dir" ]; then mkdir -p "$root/usr/$dir" && ln -s "usr/$dir" "$root/$dir"; fi; \
    done \
    && for library in 'ld-linux-*.so.*' libc.so.6 libm.so.6 libgcc_s.so.1 libresolv.so.2 libdl.so.2 \
        libpthread.so.0 librt.so.1 libnss_dns.so.2 libnss_files.so.2; do \
        find /usr/lib* -name "$library" -exec cp --archive --parents {} "$root/" \;; \
    done \
    && find "$root/usr" -type l -name '*.so*' -exec sh -c \
        'cp --parents "$(readlink -f "${1#/minimal}")" /minimal/' _ {} \; \
    && cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" \
    && rm -rf /var/lib/apt/lists/* && cp -r /usr/share/zoneinfo "$root/usr/share/" \
    && rm -rf "$root/usr/share/zoneinfo/right" "$root/usr/share/zoneinfo/posix" \
    && echo 'hosts: files dns' > "$root/etc/nsswitch.conf" \
    && echo 'videofactory:x:65532:65532::/tmp:/sbin/nologin' > "$root/etc/passwd" \
    && echo 'videofactory:x:65532:' > "$root/etc/group"

FROM scratch AS minimal
COPY --from=libraries /minimal /
ENV HOME=/tmp
WORKDIR /work
USER 65532:65532

FROM minimal AS operator
COPY --from=builder /out/videofactory-operator /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/videofactory-operator"]

FROM minimal AS operator-prebuilt
COPY videofactory-operator /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/videofactory-operator"]

# An S3 server that keeps objects as files, for those who have no bucket.
FROM minimal AS s3
COPY --from=s3-builder /out/versitygw /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/versitygw"]

FROM minimal AS s3-prebuilt
COPY versitygw /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/versitygw"]

# Helpers of the end-to-end tests; never part of an installation.
FROM minimal AS testing-prebuilt
COPY r2-proxy fakes /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/r2-proxy"]
