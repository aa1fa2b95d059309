FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schemas schemas
COPY adapters adapters
COPY gateway gateway
COPY examples examples
# Without pip of its own: what runs needs none.
RUN python -m venv --without-pip /opt/gateway \
    && pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && pip --python /opt/gateway/bin/python install --no-cache-dir \
        --constraint constraints.txt /wheels/*.whl

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/gateway gateway \
    && install --directory --owner gateway --mode 755 /var/lib/gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GATEWAY_HOST=0.0.0.0
USER 10001
WORKDIR /var/lib/gateway
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready')"]
ENTRYPOINT ["gateway"]
CMD ["serve"]
