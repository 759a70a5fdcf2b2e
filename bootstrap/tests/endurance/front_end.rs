//! A front end before replicas that come and go.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::stage::eventually;

/// nginx, which tries each request once and keeps its connections to the replicas. It ends when dropped.
pub struct FrontEnd {
    pub address: SocketAddr,
    nginx: Child,
    folder: TempDir,
}

impl FrontEnd {
    pub fn before(replicas: &[SocketAddr]) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        fs::write(folder.path().join("nginx.conf"), settings(address)).unwrap();
        name(replicas, folder.path());
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .args(["-e", "errors.log", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx can be run: see .ci/endurance");
        eventually("nginx listens", || TcpStream::connect(address).is_ok());
        Self {
            address,
            nginx,
            folder,
        }
    }

    /// Tells it where the replicas are from now on.
    pub fn pass_on_to(&self, replicas: &[SocketAddr]) {
        name(replicas, self.folder.path());
        self.tell("-HUP");
    }

    fn tell(&self, signal: &str) {
        let nginx = self.nginx.id().to_string();
        let told = Command::new("kill").args([signal, &nginx]).status();
        assert!(told.unwrap().success());
    }
}

impl Drop for FrontEnd {
    fn drop(&mut self) {
        // Not killed, so that it ends its worker as well.
        self.tell("-TERM");
        let _ = self.nginx.wait();
    }
}

/// Writes down where the replicas are.
fn name(replicas: &[SocketAddr], folder: &Path) {
    let servers = replicas
        .iter()
        .map(|address| format!("server {address} max_fails=0;\n"));
    fs::write(folder.join("replicas.conf"), servers.collect::<String>()).unwrap();
}

fn settings(address: SocketAddr) -> String {
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
             upstream replicas {{ include replicas.conf; keepalive 16; }}
             server {{
                 listen {address};
                 location / {{
                     proxy_pass http://replicas;
                     proxy_http_version 1.1;
                     proxy_set_header Connection '';
                     proxy_next_upstream off;
                 }}
             }}
         }}"
    )
}
