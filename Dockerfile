# Serves one library. Build: docker build -t wenshi .
# With more extras, such as qdrant, milvus, sentence, corpus or mcp: docker build --build-arg EXTRAS=serve,ocr,qdrant -t wenshi .
FROM python:3.12-slim
# PyTorch without CUDA; for a GPU build with --build-arg TORCH_INDEX=https://pypi.org/simple
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=serve,ocr
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 WENSHI_LIBRARY=/data/library HF_HOME=/data/models XDG_CACHE_HOME=/tmp
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY retrieval retrieval
COPY data_pipeline data_pipeline
COPY training training
COPY serving serving
RUN pip install -c constraints.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple torch \
    && pip install -c constraints.txt ".[$EXTRAS]" \
    && useradd --create-home wenshi && mkdir /data && chown wenshi /data
WORKDIR /data
USER wenshi
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGINT
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=5)"]
CMD ["wenshi", "serve", "--host", "0.0.0.0"]
