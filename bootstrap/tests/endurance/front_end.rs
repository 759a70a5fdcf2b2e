//! A front end before replicas that come and go.

use std::{fs, net::SocketAddr, path::Path};

use tempfile::TempDir;

use crate::nginx::Nginx;

/// nginx, which tries each request once and keeps its connections to the replicas. It ends when dropped.
pub struct FrontEnd {
    nginx: Nginx,
    folder: TempDir,
}

impl FrontEnd {
    pub fn before(replicas: &[SocketAddr]) -> Self {
        let folder = TempDir::new().unwrap();
        name(replicas, folder.path());
        let nginx = Nginx::start(folder.path(), http);
        Self { nginx, folder }
    }

    pub fn address(&self) -> SocketAddr {
        self.nginx.address
    }

    /// Tells it where the replicas are from now on.
    pub fn pass_on_to(&self, replicas: &[SocketAddr]) {
        name(replicas, self.folder.path());
        self.nginx.tell("-HUP");
    }
}

/// Writes down where the replicas are.
fn name(replicas: &[SocketAddr], folder: &Path) {
    let servers = replicas
        .iter()
        .map(|address| format!("server {address} max_fails=0;\n"));
    fs::write(folder.join("replicas.conf"), servers.collect::<String>()).unwrap();
}

fn http(address: SocketAddr) -> String {
    format!(
        "upstream replicas {{ include replicas.conf; keepalive 16; }}
         server {{
             listen {address};
             location / {{
                 proxy_pass http://replicas;
                 proxy_http_version 1.1;
                 proxy_set_header Connection '';
                 proxy_next_upstream off;
             }}
         }}"
    )
}
