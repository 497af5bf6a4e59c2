# The usual form of tutorials: everything is copied first, so that no model shares a layer with another.
ARG BASE=python:3.11-slim-bookworm
FROM $BASE
ARG PIP_FIND_LINKS
ARG PIP_NO_INDEX
ARG PIP_TRUSTED_HOST
WORKDIR /workspace
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8080"]
