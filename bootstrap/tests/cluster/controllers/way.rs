//! The two ways of a request to a service: by Ingresses, or by HTTPRoutes at a Gateway.

use std::process::Child;

use serde_json::{Value, json};

use super::{contour, skipper, stage::Stage};

/// What leads to the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Ingresses, and skipper.
    Ingress,
    /// A Gateway with HTTPRoutes, and Contour with Envoy.
    Gateway,
}

impl Way {
    /// The component of a service that has it.
    pub fn component(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Gateway => "gateway-api",
        }
    }

    /// The component of the front end that leads to its catalogue.
    pub fn to_catalogue(self) -> String {
        format!("catalogue-{}", self.component())
    }

    /// Where the controller is asked over TLS, and without. Envoy keeps to the ports that anybody may open.
    pub fn ports(self) -> (u16, u16) {
        match self {
            Self::Ingress => (443, 80),
            Self::Gateway => (8443, 8080),
        }
    }

    /// What the controller wants of the front end beside its manifests.
    pub fn patches(self) -> Value {
        match self {
            // skipper takes `/` for no more than the prefix of all paths, unless it is told to.
            Self::Ingress => json!([{
                "target": {"kind": "Ingress", "name": "catalogue"},
                "patch": json!([{
                    "op": "add",
                    "path": "/metadata/annotations/zalando.org~1skipper-predicate",
                    "value": "Weight(1)",
                }]).to_string(),
            }]),
            Self::Gateway => json!([]),
        }
    }

    /// The programs of the controller, which have been started.
    pub fn start(self, stage: &Stage) -> Vec<Child> {
        match self {
            Self::Ingress => vec![skipper::start(stage)],
            Self::Gateway => contour::start(stage),
        }
    }

    /// What the controller says of where it sends requests, each address with a colon behind it.
    pub fn addresses(self, stage: &Stage) -> String {
        match self {
            Self::Ingress => skipper::routes(stage),
            Self::Gateway => contour::clusters(stage),
        }
    }
}
