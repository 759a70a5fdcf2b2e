//! A real Ingress controller, skipper, before running services: it knows them from the API server alone, by the Ingresses
//! of their manifests and the EndpointSlices of their pods.

mod kubelet;
mod requests;
mod stage;
