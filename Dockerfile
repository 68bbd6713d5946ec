# Two stages: the second has neither compiler nor sources, only an environment and a user without rights.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# The build tool comes from a lock as well, so nothing without a hash is fetched; it stays behind in this stage.
RUN python -m venv /opt/calgate \
 && /opt/calgate/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && python -m venv /build \
 && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-dev.lock
COPY pyproject.toml README.md LICENSE ./
COPY alerts/ alerts/
COPY calcom/ calcom/
COPY calgate/ calgate/
COPY core/ core/
COPY dashboards/ dashboards/
COPY exporters/ exporters/
COPY loadtest/ loadtest/
COPY monitor/ monitor/
COPY proxy/ proxy/
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /opt/calgate/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim
COPY --from=build /opt/calgate /opt/calgate
# The folders are made here so that a named volume mounted on them belongs to the user.
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin calgate \
 && mkdir -p /data /generated \
 && chown calgate:calgate /data /generated
ENV PATH=/opt/calgate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CALGATE_DATA_DIR=/data \
    CALGATE_PROXY_LISTEN=0.0.0.0:8080 \
    CALGATE_MONITOR_LISTEN=0.0.0.0:9464
USER 10001:10001
WORKDIR /data
EXPOSE 8080 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["calgate"]
CMD ["up"]
