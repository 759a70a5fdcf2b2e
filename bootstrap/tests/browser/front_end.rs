//! The front end that services stand behind: TLS, and paths that are not rewritten.

use std::{net::SocketAddr, path::Path, process::Command};

use tempfile::TempDir;

use crate::{nginx::Nginx, stage::ROUTE};

/// nginx. It ends when dropped.
pub struct FrontEnd {
    nginx: Nginx,
    _folder: TempDir,
}

/// What nginx passes on, as a `location` has it, and to whom.
pub type Location = (String, SocketAddr);

impl FrontEnd {
    pub fn before(service: SocketAddr) -> Self {
        Self::of(&below(ROUTE, service))
    }

    /// What passes on these, and answers 404 to all else.
    pub fn of(locations: &[Location]) -> Self {
        let folder = TempDir::new().unwrap();
        certify(folder.path());
        let nginx = Nginx::start(folder.path(), |address| http(address, locations));
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

/// A route and all that is below it.
pub fn below(route: &str, service: SocketAddr) -> [Location; 2] {
    [
        (format!("= {route}"), service),
        (format!("{route}/"), service),
    ]
}

fn http(address: SocketAddr, locations: &[Location]) -> String {
    let passed = |(location, service): &Location| {
        format!("location {location} {{ proxy_pass http://{service}; }}")
    };
    let passed = locations
        .iter()
        .map(passed)
        .collect::<Vec<_>>()
        .join("\n             ");
    format!(
        "server {{
             listen {address} ssl;
             ssl_certificate certificate.pem;
             ssl_certificate_key key.pem;
             proxy_set_header Host $http_host;
             proxy_set_header X-Forwarded-Proto $scheme;
             {passed}
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
