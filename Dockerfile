# docker build -t subremover .
# docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/data" subremover movie.mp4 -o clean.mp4
FROM python:3.12-slim

# Triton builds its launcher with a C compiler when its first kernel is used; without one plain torch fits.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

# The big layer first, on its own: it changes only with the pinned versions. This torch brings CUDA along.
COPY constraints.txt /src/
RUN pip install --no-cache-dir -c /src/constraints.txt torch

COPY pyproject.toml README.md /src/
COPY subremover /src/subremover
RUN pip install --no-cache-dir -c /src/constraints.txt /src && rm -rf /src

# `--user` makes the result belong to whoever runs the container, under an id that has no name and no home in here:
# torch's and other caches go to /tmp, and USER answers who ask for the name.
RUN useradd --create-home subremover
USER subremover
ENV HOME=/tmp USER=subremover NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /data
ENTRYPOINT ["subremover"]
