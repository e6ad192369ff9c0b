# meshgen alone: a program without libraries, in an image without anything else. The context is a directory with one directory for
# each architecture, which holds the program (.github/workflows/release.yml).
#
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" IMAGE build topology.yaml -o out
FROM scratch
ARG TARGETARCH
COPY ${TARGETARCH}/meshgen /meshgen
WORKDIR /work
USER 65534:65534
ENTRYPOINT ["/meshgen"]
