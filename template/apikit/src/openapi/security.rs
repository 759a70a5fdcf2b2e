//! How callers authenticate, for each auth type.

use utoipa::openapi::{
    SecurityRequirement,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::auth::Auth;

/// The security schemes, each with its name: any one of them will do.
pub(super) fn schemes(auth: Auth) -> Vec<(&'static str, SecurityScheme)> {
    match auth {
        Auth::None => vec![],
        Auth::Basic => vec![basic(
            "Your user name, and your password or token for the back-end.",
        )],
        #[cfg(feature = "bitly-proxy")]
        Auth::BitlyProxy => vec![
            basic("Your user name and password, which open a session through the OAuth2 proxy."),
            bearer("A token that the OAuth2 proxy takes, if it takes any."),
        ],
    }
}

/// The security requirements of a route that asks the back-end.
pub(super) fn requirements(auth: Auth) -> Vec<SecurityRequirement> {
    let schemes = schemes(auth).into_iter();
    schemes
        .map(|(name, _)| SecurityRequirement::new(name, [] as [&str; 0]))
        .collect()
}

fn basic(description: &str) -> (&'static str, SecurityScheme) {
    ("basic", scheme(HttpAuthScheme::Basic, description))
}

#[cfg(feature = "bitly-proxy")]
fn bearer(description: &str) -> (&'static str, SecurityScheme) {
    ("bearer", scheme(HttpAuthScheme::Bearer, description))
}

fn scheme(scheme: HttpAuthScheme, description: &str) -> SecurityScheme {
    let http = HttpBuilder::new().scheme(scheme);
    SecurityScheme::Http(http.description(Some(description)).build())
}
