//! Real controllers before running services: skipper, which reads Ingresses, and Contour, which reads a Gateway and its
//! HTTPRoutes and tells Envoy. They know services from the API server alone, by these manifests and the EndpointSlices of pods.

mod contour;
mod kubelet;
mod requests;
mod skipper;
mod stage;
mod way;
