//! The front end that services stand behind: TLS, and a prefix for each that is not rewritten.

use std::{net::SocketAddr, path::Path, process::Command};

use tempfile::TempDir;

use crate::{nginx::Nginx, stage::ROUTE};

/// nginx, which passes on what is at or below the route and knows nothing else. It ends when dropped.
pub struct FrontEnd {
    nginx: Nginx,
    _folder: TempDir,
}

impl FrontEnd {
    pub fn before(service: SocketAddr) -> Self {
        let folder = TempDir::new().unwrap();
        certify(folder.path());
        let nginx = Nginx::start(folder.path(), |address| http(address, service));
        Self {
            nginx,
            _folder: folder,
        }
    }

    /// The URL of `path`, as callers know it.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.nginx.address)
    }
}

fn http(address: SocketAddr, service: SocketAddr) -> String {
    format!(
        "server {{
             listen {address} ssl;
             ssl_certificate certificate.pem;
             ssl_certificate_key key.pem;
             location = {ROUTE} {{ proxy_pass http://{service}; }}
             location {ROUTE}/ {{ proxy_pass http://{service}; }}
             location / {{ return 404; }}
         }}"
    )
}

/// Writes a certificate that the machine itself has signed.
fn certify(folder: &Path) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "key.pem", "-out", "certificate.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl cannot be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
