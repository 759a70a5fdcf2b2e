//! What answers at paths that no service has: its own configuration, in Debian's nginx.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::run,
    front_end::fails_in_shape,
    manifests::{Build, front_ends},
    namespace::Namespace,
    pods::probed,
};

#[test]
#[ignore = "needs root, kubectl and nginx: run .ci/cluster"]
fn what_nginx_refuses_by_itself_has_the_shape_of_an_error() {
    let scratch = TempDir::new().unwrap();
    let mut namespace = Namespace::new();
    start(&mut namespace, &front_ends()[0], scratch.path());
    let long = "a".repeat(9_000);
    let header = format!("X-Long: {long}");
    for (status, more) in [
        (404, ["--request", "POST", "/nowhere"]),
        (404, ["--request", "GET", "/refused/400"]),
        (405, ["--request", "TRACE", "/"]),
        (414, ["--request", "GET", &format!("/{long}")]),
        (400, ["--header", &header, "/"]),
        (400, ["--header", "Host:", "/"]),
        (501, ["--header", "Transfer-Encoding: unheard-of", "/"]),
    ] {
        let [flag, value, path] = more;
        let mut curl = namespace.command("curl");
        curl.args(["--silent", "--show-error", "--max-time", "10"])
            .args(["--write-out", "\n%{http_code} %{content_type}"])
            .args([flag, value, &format!("http://127.0.0.1:8080{path}")]);
        let said = run(&mut curl);
        let (body, end) = said.rsplit_once('\n').unwrap();
        assert_eq!(end, format!("{status} application/json"), "{said}");
        let body: Value = serde_json::from_str(body).unwrap();
        fails_in_shape((status, body), status);
    }
}

/// nginx, with the configuration that the front end's ConfigMap has.
pub fn start(namespace: &mut Namespace, front: &Build, scratch: &Path) {
    let mut maps = front.all("ConfigMap");
    let map = maps.next().expect("the front end has a ConfigMap");
    let file = scratch.join("default-handler.conf");
    let text = map["data"]["nginx.conf"].as_str().unwrap();
    let own = text.replace("/tmp/", &format!("{}/", scratch.display()));
    fs::write(&file, own).unwrap();
    let mut nginx = namespace.command("nginx");
    let flags = ["-g", "daemon off; user root;", "-c"];
    namespace.start(nginx.args(flags).arg(&file));
    for path in probed(front.get("Deployment", "default-handler")) {
        namespace.wait_for(&format!("http://127.0.0.1:8080{path}"));
    }
}
