# ialirt-backfill with its flows: the command, the Prefect worker, and the Prefect server in one image.
#   docker build -t ialirt-backfill .
#   docker run --rm -v ialirt-data:/data ialirt-backfill ialirt-backfill --instrument hit --start 2026-01-01
FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE cli.py ./
COPY flows flows
COPY ialirt_backfill ialirt_backfill
COPY ledger ledger
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/*.whl)[dask,mirror,plot,serve]" && rm -r /wheels

# Runs of a process pool start in the directory from which the deployments were made: this one.
WORKDIR /app
COPY prefect.yaml prefect-mirror.yaml prefect-export.yaml prefect-quicklook.yaml ./
COPY flows flows

RUN useradd --create-home ialirt && mkdir /data && chown ialirt /app /data
USER ialirt
ENV IALIRT_DATASTORE=/data \
    DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PYTHONUNBUFFERED=1
VOLUME /data
CMD ["prefect", "worker", "start", "--pool", "ialirt", "--type", "process"]
