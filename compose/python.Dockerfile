# Our services (target `services`), and JupyterLab with the package (target `lab`). Builders that know no other way build
# all that stands before a target: what fewer need stands later.
# ./up.sh docker builds both; by hand, from the folder above: docker build -f compose/python.Dockerfile --target services .
# They run as any user whose group is 0: what the parts write belongs to that group.
FROM python:3.11-slim-bookworm AS packages
RUN python -m venv --without-pip /opt/atipico
COPY requirements.txt /build/
RUN pip --python /opt/atipico/bin/python install --no-cache-dir --disable-pip-version-check -r /build/requirements.txt \
    && find /opt/atipico -type d -name tests -prune -exec rm -rf {} +

# Our own code comes last: a change of it costs one small layer.
FROM python:3.11-slim-bookworm AS code
COPY services /opt/services
RUN python -m compileall -q /opt/services

FROM python:3.11-slim-bookworm AS bare
RUN printf '#!/bin/sh\nexec python -P -m atipico.cli "$@"\n' > /usr/local/bin/atipico \
    && chmod 755 /usr/local/bin/atipico \
    && mkdir -p /atipico/data /atipico/notebooks /atipico/runs /run/atipico /run/agent \
    && chown -R 10001:0 /atipico /run/atipico /run/agent \
    && chmod -R g=u /atipico /run/atipico /run/agent
ENV PATH=/opt/atipico/bin:$PATH PYTHONPATH=/opt/services \
    ATIPICO_HOME=/atipico ATIPICO_RUN=/run/atipico ATIPICO_AGENT_SOCKET=/run/agent/agent.sock \
    HOME=/tmp OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /atipico
USER 10001:0
ENTRYPOINT ["atipico"]
CMD ["--help"]

FROM bare AS services
COPY --from=packages /opt/atipico /opt/atipico
COPY jobs /atipico/jobs
COPY models /atipico/models
COPY --from=code /opt/services /opt/services

# What trains models needs LightGBM's runtime.
FROM bare AS learning
USER 0:0
RUN apt-get -q update \
    && apt-get -qy install --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
USER 10001:0

FROM packages AS lab-packages
COPY requirements-lab.txt /build/
RUN pip --python /opt/atipico/bin/python install --no-cache-dir --disable-pip-version-check -r /build/requirements-lab.txt

FROM learning AS lab
COPY --from=lab-packages /opt/atipico /opt/atipico
COPY jobs /atipico/jobs
COPY models /atipico/models
COPY notebooks /atipico/notebooks
COPY --from=code /opt/services /opt/services
CMD ["lab"]

FROM packages AS learn-packages
COPY requirements-learn.txt /build/
RUN pip --python /opt/atipico/bin/python install --no-cache-dir --disable-pip-version-check -r /build/requirements-learn.txt

# As SageMaker runs it (docs/sagemaker.md): docker run IMAGE train|serve. Its folders belong to root.
FROM learning AS sagemaker
COPY --from=learn-packages /opt/atipico /opt/atipico
COPY jobs /atipico/jobs
COPY data /atipico/data
COPY --from=code /opt/services /opt/services
USER 0:0
EXPOSE 8080
ENTRYPOINT ["atipico", "sagemaker"]
CMD ["serve"]
