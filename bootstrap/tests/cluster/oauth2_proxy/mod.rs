//! A service behind the real OAuth2 proxy, whose provider is Dex.
//!
//! - [`stage`]: the programs, and how a test asks them;
//! - [`login`]: by the provider's form, and what it ends in when that fails;
//! - [`sessions`]: that expire, are renewed, come in parts, and are revoked;
//! - [`accounts`]: of the proxy's htpasswd file, and bearer tokens;
//! - [`auth_request`]: the proxy beside nginx, which asks it about each request;
//! - [`environment`]: the settings of the manifests;
//! - [`wire`]: the proxy and the double that stands for it in all other tests, asked the same.

mod accounts;
mod auth_request;
mod environment;
mod login;
mod sessions;
mod stage;
mod wire;
