# Spark jobs, simulated patients, the site, set-up and dashboards: one image, which compose.yaml starts in several roles.
FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless openssl \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app

# The packages of conf/requirements.lock and the jars of conf/ivy.xml, both checked against their hashes. This stage sees
# only what they depend on, so a change of the code does not fetch them again.
FROM base AS dependencies
COPY conf/__init__.py conf/cli.py conf/errors.py conf/files.py conf/times.py conf/ivy.xml conf/jars.lock conf/requirements.lock conf/
COPY deploy/__init__.py deploy/trim.py deploy/
COPY deploy/submit/__init__.py deploy/submit/jars.py deploy/submit/prepare.py deploy/submit/
RUN PIP_NO_CACHE_DIR=1 XDG_CACHE_HOME=/tmp/cache python -m deploy.submit.prepare --java /usr/bin/java --no-archive \
    && python -m deploy.trim .venv

FROM base
# By name, because Hadoop looks the user up. The folders are here so that new volumes belong to that user,
# whichever service comes first.
RUN groupadd --gid 10001 surveillance \
    && useradd --uid 10001 --gid 10001 --home-dir /scratch --no-create-home --shell /usr/sbin/nologin surveillance \
    && install --directory --owner=10001 --group=10001 \
        /spark /data /data/local /data/archive /data/models /data/checkpoints /data/stream
# The mode is that of the tmpfs in compose.yaml: runc before 1.1.8 takes it from here, and gives the folder to root.
RUN install --directory --mode=1777 /scratch
COPY --from=dependencies /app/.venv .venv
COPY --from=dependencies /app/.local/jars/spark .local/jars/spark
COPY conf conf
COPY fhir fhir
COPY assessment assessment
COPY elastic elastic
COPY ml ml
COPY alerts alerts
COPY producer producer
COPY jobs jobs
COPY webapp webapp
COPY kibana kibana
COPY deploy deploy
# Native libraries are unpacked in /scratch, which therefore must be a tmpfs with exec, or a volume.
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/scratch \
    HOME=/scratch \
    MPLCONFIGDIR=/scratch/matplotlib \
    JAVA_TOOL_OPTIONS=-Djava.io.tmpdir=/scratch \
    SPARK_LOCAL_DIRS=/spark \
    BP_LOCAL_DIR=/data/local \
    BP_DATA_DIR=/data/archive \
    BP_MODEL_DIR=/data/models \
    BP_CHECKPOINT_DIR=/data/checkpoints
USER 10001:10001
CMD ["python", "-m", "deploy.submit", "--help"]
