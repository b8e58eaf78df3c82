# mtl on the CPU:   docker build -t mtl . && docker run --rm -v "$PWD:/work" mtl demo
# mtl on CUDA:      docker build -t mtl:cuda --build-arg TORCH_INDEX=https://pypi.org/simple .
#                   docker run --rm --gpus all --shm-size=2g -v "$PWD:/work" mtl:cuda doctor
FROM python:3.13-slim

# PyTorch's CPU wheels by default (0.2 GB); the package index's own are the CUDA build (5 GB)
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" torch torchvision

COPY pyproject.toml README.md /src/
COPY mtlcli /src/mtlcli
COPY recipes /src/recipes
RUN pip install --no-cache-dir "/src[all]" && rm -rf /src

# results belong to whoever runs the container: docker run --user "$(id -u)"
WORKDIR /work
ENTRYPOINT ["mtl"]
CMD ["--help"]
