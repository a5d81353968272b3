# The program alone, on Debian 12:
#
#   docker build -t vpunas .
#   docker run --rm -v "$PWD:/work" vpunas run -c /opt/vpunas/share/vpunas/configs/quick.toml
#
# Images on a GPU: build where pip finds the CUDA wheel and /dev/nvidiactl is there (docs/engine.md, GPUs), run with --gpus all.
FROM debian:12 AS build
COPY . /vpunas
WORKDIR /vpunas
RUN apt-get update -q && apt-get install -y -q --no-install-recommends make \
 && make build && cmake --install build/release --prefix /opt/vpunas --strip
# Of the wheels only libraries are needed; they stay where the program was linked to them.
RUN cd .venv/lib/python3.*/site-packages && mkdir -p /libraries/$PWD \
 && for folder in torch/lib torch.libs openvino/libs nvidia; do [ ! -d $folder ] || cp -a --parents $folder /libraries/$PWD; done

FROM debian:12-slim
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends \
    libhwy1 libjpeg62-turbo libpng16-16 libtomlplusplus3 zlib1g ca-certificates dataset-fashion-mnist \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /libraries /
COPY --from=build /opt/vpunas /opt/vpunas
WORKDIR /work
ENTRYPOINT ["/opt/vpunas/bin/vpunas"]
CMD ["--help"]
