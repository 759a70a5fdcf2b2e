//! The name of the back-end in trouble: unknown to the name server, or no name server that answers.

use std::{fs, net::UdpSocket, path::PathBuf};

use tempfile::TempDir;

use crate::{
    backend::Backend,
    outages::{TROUBLE, start, survives},
    stage::{Service, command_in_shell, none},
};

/// Where a name server may be: an address of this machine that nobody else uses, and one where nobody is.
const SILENT: &str = "127.53.53.53";
const NOBODY: &str = "127.53.53.54";

const KNOWN: &str = "127.0.0.1 backend.invalid\n";

/// A service that knows its back-end by name, with mounts in which that name is a test's to give.
struct Named {
    service: Service,
    backend: Backend,
    hosts: PathBuf,
    _folder: TempDir,
}

impl Named {
    fn start(name_server: &str) -> Self {
        let backend = Backend::start();
        let folder = TempDir::new().unwrap();
        let hosts = folder.path().join("hosts");
        let resolver = folder.path().join("resolv.conf");
        fs::write(&hosts, KNOWN).unwrap();
        fs::write(&resolver, format!("nameserver {name_server}\n")).unwrap();
        let script = r#"exec unshare --map-root-user --mount sh -c '
            mount --bind "$HOSTS" /etc/hosts && mount --bind "$RESOLVER" /etc/resolv.conf && exec "$0"' "$0""#;
        let url = format!("http://backend.invalid:{}", backend.address.port());
        let mut command = command_in_shell(script, none(), &url);
        command.env("HOSTS", &hosts).env("RESOLVER", &resolver);
        Self {
            service: start(command),
            backend,
            hosts,
            _folder: folder,
        }
    }

    fn survives(&self, what: &str) {
        let forget = || {
            fs::write(&self.hosts, "").unwrap();
            // Connections outlive a name, and would hide that it is gone.
            self.backend.hang_up();
        };
        let remember = || fs::write(&self.hosts, KNOWN).unwrap();
        survives(&self.service, what, TROUBLE, forget, remember);
    }
}

#[test]
#[ignore = "needs mounts of its own: run .ci/endurance"]
fn a_backend_whose_name_is_gone_is_found_again() {
    Named::start(NOBODY).survives("its name is gone");
}

#[test]
#[ignore = "needs root and mounts of its own: run .ci/endurance"]
fn a_backend_whose_name_server_is_silent_is_found_again() {
    let _silent = UdpSocket::bind((SILENT, 53)).expect("port 53 needs root");
    Named::start(SILENT).survives("its name server is silent");
}
