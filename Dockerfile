# Two stages: a static binary, then nothing but it. No shell, no package manager, no root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /modelgate ./cmd/modelgate \
    && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /modelgate /modelgate
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
ENV MODELGATE_LISTEN=0.0.0.0:8080 MODELGATE_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK CMD ["/modelgate", "health"]
ENTRYPOINT ["/modelgate"]
CMD ["serve"]
