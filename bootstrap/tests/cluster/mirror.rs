//! A mirror of crates.io behind a certificate of its own, with one library, and a package that wants it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use bootstrap::render::Template;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    images::buildah,
};

/// Makes both certificates, the library and its index. What the package wants is nowhere else, so it is this that is asked.
const MAKE: &str = r#"
for name in ca other; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout $name.key -out $name.pem -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost 2>/dev/null
done
mkdir -p greeting-7.0.0/src served/gr/ee package/src package/apikit/src
printf '[package]\nname = "greeting"\nversion = "7.0.0"\nedition = "2024"\n' >greeting-7.0.0/Cargo.toml
touch greeting-7.0.0/src/lib.rs
tar -czf served/greeting-7.0.0.crate greeting-7.0.0
sum=$(sha256sum served/greeting-7.0.0.crate | cut -d ' ' -f 1)
echo '{"name":"greeting","vers":"7.0.0","deps":[],"cksum":"'$sum'","features":{},"yanked":false}' >served/gr/ee/greeting
printf '[workspace]\n[package]\nname = "asked"\nversion = "1.0.0"\nedition = "2024"\n[dependencies]\ngreeting = "7"\n[features]\notlp = []\n' >package/Cargo.toml
echo 'use greeting as _; fn main() {}' >package/src/main.rs
touch package/apikit/src/lib.rs
printf '[package]\nname = "apikit"\nversion = "1.0.0"\n' >package/apikit/Cargo.toml
cat >package/Cargo.lock <<END
version = 4

[[package]]
name = "asked"
version = "1.0.0"
dependencies = ["greeting"]

[[package]]
name = "greeting"
version = "7.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "$sum"
END
"#;

const SERVE: &str = r#"
import http.server, ssl
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain("../ca.pem", "../ca.key")
server.socket = tls.wrap_socket(server.socket, server_side=True)
port = server.server_address[1]
open("config.json", "w").write('{"dl": "https://localhost:%d/{crate}-{version}.crate"}' % port)
print(port, flush=True)
server.serve_forever()
"#;

pub struct Mirror {
    folder: TempDir,
    server: Child,
}

impl Mirror {
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        run(Command::new("bash")
            .args(["-euc", MAKE])
            .current_dir(&folder));
        let dockerfile = Template::here().root.join("template/Dockerfile.liquid");
        let dockerfile = fs::read_to_string(dockerfile).unwrap();
        let dockerfile = dockerfile.replace("{{project-name}}", "asked");
        fs::write(folder.path().join("package/Dockerfile"), dockerfile).unwrap();
        let mut server = Command::new("python3")
            .args(["-c", SERVE])
            .current_dir(folder.path().join("served"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(server.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port = port.trim();
        let configuration = format!(
            "[source.crates-io]\nreplace-with = \"mirror\"\n[source.mirror]\nregistry = \"sparse+https://localhost:{port}/\"\n"
        );
        fs::write(folder.path().join("config.toml"), configuration).unwrap();
        Self { folder, server }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Builds the program as a service's Dockerfile does, with a certificate; returns what was said where that fails.
    pub fn build_with(&self, certificate: &Path) -> Result<(), String> {
        let package = self.folder.path().join("package");
        let mut command = buildah::command("tested-mirror", &package);
        command.args(["--target", "build"]);
        let secret = |id: &str, path: &Path| format!("id={id},src={}", path.display());
        let configuration = self.folder.path().join("config.toml");
        command.args(["--secret", &secret("ca", certificate)]);
        command.args(["--secret", &secret("cargo", &configuration)]);
        let output = finish(command.arg(&package));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            Ok(())
        } else {
            Err(said)
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
