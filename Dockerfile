# Serves one library. Build: docker build -t wenshi .
FROM python:3.12-slim
# PyTorch without CUDA; for a GPU build with --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 WENSHI_LIBRARY=/data/library HF_HOME=/data/models XDG_CACHE_HOME=/tmp
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY retrieval retrieval
COPY data_pipeline data_pipeline
COPY training training
COPY serving serving
RUN pip install --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple torch \
    && pip install '.[serve,ocr]' \
    && useradd --create-home wenshi && mkdir /data && chown wenshi /data
WORKDIR /data
USER wenshi
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGINT
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=5)"]
CMD ["wenshi", "serve", "--host", "0.0.0.0"]
