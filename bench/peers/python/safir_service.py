"""The same service on safir and FastAPI, under uvicorn."""

import os

from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse
from httpx import AsyncClient
from pydantic import BaseModel
from safir.dependencies.http_client import http_client_dependency
from safir.logging import LogLevel, Profile, configure_logging, configure_uvicorn_logging
import uvicorn

BACKEND = os.environ.get("BACKEND_URL", "")

configure_logging(name="measured", profile=Profile.production, log_level=LogLevel.INFO)
configure_uvicorn_logging(LogLevel.INFO)
app = FastAPI()


class Metadata(BaseModel):
    """Who the service is."""

    name: str
    description: str
    repository: str
    version: str
    api_version: str
    auth: str


class JobMetric(BaseModel):
    """One metric of one job."""

    jobname: str
    metric: str
    value: str


@app.get("/", response_class=PlainTextResponse)
async def healthcheck() -> str:
    """Answer the Ingress controller."""
    return "OK"


@app.get("/metadata")
async def metadata() -> Metadata:
    """Say who the service is."""
    return Metadata(
        name="measured-none",
        description="Metrics of build jobs, by name.",
        repository="https://github.com/lsst-sqre/measured-none",
        version="0.1.0",
        api_version="1.0",
        auth="none",
    )


@app.get("/{jobname}/{metric}")
async def job_metric(
    jobname: str, metric: str, client: AsyncClient = Depends(http_client_dependency)
) -> JobMetric:
    """Ask the back-end for one metric of one job."""
    answer = await client.get(BACKEND + "/api", params={"metric": metric, "job": jobname})
    return JobMetric(jobname=jobname, metric=metric, value=answer.text)


if __name__ == "__main__":
    host, port = os.environ["LISTEN"].split(":")
    uvicorn.run(app, host=host, port=int(port))
