# docker build -t subremover .
# docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/data" -v subremover-cache:/cache \
#     subremover movie.mp4 -o clean.mp4
# The page in the browser (docs/page.md):
# docker run --rm -p 127.0.0.1:8470:8470 -v "$PWD:/data" --entrypoint subremover-page subremover . \
#     --host 0.0.0.0 --port 8470
#
# The image holds parts under the GPL and under NVIDIA's terms: see THIRD_PARTY.md before passing it on.

# The wheel is built apart, so that the image has neither the source tree nor what builds it.
FROM python:3.12-slim AS build
COPY constraints.txt /
RUN pip install --no-cache-dir -c /constraints.txt build setuptools
COPY pyproject.toml README.md LICENSE THIRD_PARTY.md /source/
COPY subremover /source/subremover
RUN python -m build --no-isolation --wheel --outdir /dist /source

FROM python:3.12-slim

# Triton builds its launcher with a C compiler when its first kernel is used; without one plain torch fits, slower.
# It needs Python's headers, too, which this image has in /usr/local/include.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*

# What Tesseract reads scripts by that the recogniser inside rapidocr does not know; docs/usage.md has those of others.
RUN apt-get update && apt-get install -y --no-install-recommends \
    tesseract-ocr-script-cyrl tesseract-ocr-script-hebr tesseract-ocr-script-deva \
    tesseract-ocr-ara tesseract-ocr-ell tesseract-ocr-kor tesseract-ocr-tha \
    && rm -rf /var/lib/apt/lists/*

# The big layer first, on its own: it changes only with the pinned versions. This torch brings CUDA along.
COPY constraints.txt /
RUN pip install --no-cache-dir -c /constraints.txt torch

COPY --from=build /dist /dist
RUN pip install --no-cache-dir -c /constraints.txt "$(echo /dist/*.whl)[page,ray,ocr]"

# `--user` makes the result belong to whoever runs the container, under an id that has no name and no home in here:
# torch's and other caches go to /tmp, and USER answers who ask for the name.
RUN useradd --create-home subremover

# What Triton has compiled for the GPU. A volume here keeps it for the next container, whoever runs that one.
RUN mkdir --mode=1777 /cache
ENV TRITON_CACHE_DIR=/cache

USER subremover
ENV HOME=/tmp USER=subremover

# What the NVIDIA container toolkit mounts from the host's driver: compute is CUDA, utility NVML, which torch asks
# for free memory, and video the libraries of NVENC and NVDEC, without which `--codec hevc_nvenc` finds no encoder.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility,video

# ONNX Runtime, which finds the lettering, reports to its makers unless told not to (its Privacy.md).
ENV ORT_DISABLE_TELEMETRY=1

WORKDIR /data
ENTRYPOINT ["subremover"]
