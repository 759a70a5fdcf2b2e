//! nginx, Debian's, on loopback: what front ends are made of in tests.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long nginx may take to open its port.
const PATIENCE: Duration = Duration::from_secs(10);

/// An nginx that runs in a folder. It ends when this is dropped.
pub struct Nginx {
    pub address: SocketAddr,
    child: Child,
}

impl Nginx {
    /// Starts nginx in a folder, where it finds the files that `http` names: what it does at an address.
    pub fn start(folder: &Path, http: impl FnOnce(SocketAddr) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        fs::write(folder.join("nginx.conf"), settings(&http(address))).unwrap();
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .args(["-e", "errors.log", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx cannot be run");
        let nginx = Self { address, child };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < PATIENCE, "nginx does not listen");
            thread::sleep(Duration::from_millis(2));
        }
        nginx
    }

    /// Sends it a signal, such as `-HUP`, at which it reads its files again.
    pub fn tell(&self, signal: &str) {
        let nginx = self.child.id().to_string();
        let told = Command::new("kill").args([signal, &nginx]).status();
        told.expect("kill is everywhere");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Not killed, so that it ends its worker as well.
        self.tell("-TERM");
        let _ = self.child.wait();
    }
}

fn settings(http: &str) -> String {
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
             {http}
         }}"
    )
}
