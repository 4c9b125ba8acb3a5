FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 kit && mkdir /data && chown kit /data
WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
RUN pip install --no-cache-dir --no-build-isolation --no-deps -e .
USER kit
ENV KIT_DATA_DIR=/data DJANGO_SETTINGS_MODULE=pipeline.settings
CMD ["kit", "serve", "--host", "0.0.0.0"]
