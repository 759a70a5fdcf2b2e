"""The technote's service on apikit and Flask: metadata, health check and the sample."""

import os

from apikit import APIFlask, BackendError
from flask import jsonify
import requests

BACKEND = os.environ.get("BACKEND_URL", "")

app = APIFlask(
    name="measured-none",
    version="0.1.0",
    repository="https://github.com/lsst-sqre/measured-none",
    description="Metrics of build jobs, by name.",
    route=["/", "/measured-none"],
    auth=None,
)
session = requests.Session()


@app.errorhandler(BackendError)
def handle_invalid_usage(error):
    """Answer with the error in apikit's shape."""
    response = jsonify(error.to_dict())
    response.status_code = error.status_code
    return response


@app.route("/")
def healthcheck():
    """Answer the Ingress controller."""
    return "OK"


@app.route("/<jobname>/<metric>")
def get_metric_for_job(jobname, metric):
    """Ask the back-end for one metric of one job."""
    answer = session.get(BACKEND + "/api", params={"metric": metric, "job": jobname})
    if answer.status_code != 200:
        raise BackendError(reason=answer.reason, status_code=answer.status_code, content=answer.text)
    return jsonify({"metric": metric, "jobname": jobname, "value": answer.text})
