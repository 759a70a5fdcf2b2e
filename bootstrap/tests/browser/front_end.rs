//! The front end that services stand behind: TLS, and a prefix for each that is not rewritten.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::stage::ROUTE;

/// How long nginx may take to open its port.
const PATIENCE: Duration = Duration::from_secs(10);

/// nginx, which passes on what is at or below the route and knows nothing else. It ends when dropped.
pub struct FrontEnd {
    pub address: SocketAddr,
    nginx: Child,
    _folder: TempDir,
}

impl FrontEnd {
    pub fn before(service: SocketAddr) -> Self {
        let folder = TempDir::new().unwrap();
        certify(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        fs::write(folder.path().join("nginx.conf"), settings(address, service)).unwrap();
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-e", "errors.log", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx cannot be run");
        let front_end = Self {
            address,
            nginx,
            _folder: folder,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "nginx does not listen");
            thread::yield_now();
        }
        front_end
    }

    /// The URL of `path`, as callers know it.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its worker as well.
        let _ = Command::new("kill")
            .arg(self.nginx.id().to_string())
            .status();
        let _ = self.nginx.wait();
    }
}

fn settings(address: SocketAddr, service: SocketAddr) -> String {
    format!(
        "daemon off;
         pid nginx.pid;
         worker_processes 1;
         events {{}}
         http {{
             access_log off;
             client_body_temp_path body;
             proxy_temp_path proxy;
             fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi;
             scgi_temp_path scgi;
             server {{
                 listen {address} ssl;
                 ssl_certificate certificate.pem;
                 ssl_certificate_key key.pem;
                 location = {ROUTE} {{ proxy_pass http://{service}; }}
                 location {ROUTE}/ {{ proxy_pass http://{service}; }}
                 location / {{ return 404; }}
             }}
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
