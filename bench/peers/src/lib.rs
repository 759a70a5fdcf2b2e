//! What the peers have in common: where they listen, what they say of themselves, and what they answer.

use std::env;

use tokio::net::TcpListener;

/// The metadata of a peer, as long as a service's.
pub const METADATA: &str = concat!(
    r#"{"name":"measured-none","description":"Metrics of build jobs, by name.","#,
    r#""repository":"https://github.com/lsst-sqre/measured-none","version":"0.1.0","api_version":"1.0","auth":"none"}"#,
);

/// The port that the variable LISTEN names.
pub async fn listener() -> TcpListener {
    let address = env::var("LISTEN").expect("LISTEN is an address");
    let listener = TcpListener::bind(&address).await;
    listener.expect("the address is free")
}
