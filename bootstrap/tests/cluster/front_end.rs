//! The way of a request: TLS ends at the front end, which goes by the path and rewrites nothing.

use std::{fs, path::Path, process::Command};

use bootstrap::running::backend_flags;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    commands::run,
    default_handler, images,
    manifests::{Rendered, elements, front_ends},
    namespace::Namespace,
    support::house,
};

/// Where a Service's pods are, in the place of a cluster's network.
type Addresses<'a> = &'a [(&'a str, &'a str)];

#[test]
#[ignore = "needs root, podman, kubectl and nginx: run .ci/cluster"]
fn services_answer_below_their_routes_at_the_front_end() {
    let scratch = TempDir::new().unwrap();
    let mut namespace = Namespace::new();
    let mut fronts = front_ends().iter();
    let front = fronts.find(|front| front.all("Ingress").count() > 0);
    let front = front.expect("an example has an Ingress");
    default_handler::start(&mut namespace, front, scratch.path());
    let mut builds = Vec::new();
    for (auth, listen, backend) in [
        ("none", "127.0.0.1:9001", "127.0.0.1:9101"),
        ("basic", "127.0.0.1:9002", "127.0.0.1:9102"),
    ] {
        let image = images::of(auth);
        start_backend(&mut namespace, &image.rendered, backend);
        let url = format!("http://{backend}");
        let variables = [("LISTEN", listen), ("BACKEND_URL", url.as_str())];
        namespace.start_container(&format!("{auth}-behind"), &image.name, &variables);
        namespace.wait_for(&format!("http://{listen}/readyz"));
        let components = ["ingress".to_owned()];
        builds.push(image.rendered.with_components("production", &components));
    }
    let addresses = [
        ("default-handler", "127.0.0.1:8080"),
        ("tested-none", "127.0.0.1:9001"),
        ("tested-basic", "127.0.0.1:9002"),
    ];
    let ingresses: Vec<_> = builds
        .iter()
        .chain([front])
        .flat_map(|build| build.all("Ingress"))
        .collect();
    start_ingress(&mut namespace, &ingresses, &addresses, scratch.path());

    let ask = |path: &str, more: &[&str]| ask(&namespace, scratch.path(), path, more);
    for (route, auth) in [("/app", "none"), ("/apples", "basic")] {
        let (status, body) = ask(&format!("{route}/metadata"), &[]);
        assert_eq!((status, &body["auth"]), (200, &json!(auth)));
        let (status, body) = ask(&format!("{route}/v1.0/metadata.json"), &[]);
        assert_eq!(
            (status, &body["name"]),
            (200, &json!(format!("tested-{auth}")))
        );

        let (status, body) = ask(&format!("{route}/build/time"), &["--user", "ada:demo"]);
        let expected = json!({"jobname": "build", "metric": "time", "value": "2m 41s"});
        assert_eq!((status, body), (200, expected));

        for (path, status) in [
            ("", 400),
            ("/", 400),
            ("/build", 400),
            ("/a/b/c", 404),
            ("/%FF/x", 400),
        ] {
            fails_in_shape(
                ask(&format!("{route}{path}"), &["--user", "ada:demo"]),
                status,
            );
        }
    }
    fails_in_shape(ask("/apples/build/time", &[]), 401);
    // Not the beginning of a name, and nobody's.
    for path in [
        "/apple",
        "/application/metadata",
        "/appl",
        "/",
        "/metadata",
        "/metrics",
        "/readyz",
    ] {
        let answer = ask(path, &[]);
        let content = "No service of this front end is at this path.";
        assert_eq!(answer.1["error_content"], content, "{path}");
        fails_in_shape(answer, 404);
    }
    // What is encoded stays so, all the way to the service.
    let (status, body) = ask("/app/a%2Fb/time", &[]);
    assert_eq!((status, &body["reason"]), (404, &json!("Not Found")));
    assert_eq!(
        body["error_content"]
            .as_str()
            .map(|text| text.contains("a/b")),
        Some(true),
        "{body}"
    );
    large_bodies_are_answered(scratch.path(), |more| ask("/app/build/time", more));
    for body in ["--request POST", "--request DELETE"] {
        let more: Vec<_> = body.split(' ').collect();
        fails_in_shape(ask("/nowhere", &more), 404);
    }
}

/// Up to 2 MB is for the service to take, and above is for it to refuse.
pub fn large_bodies_are_answered(scratch: &Path, ask: impl Fn(&[&str]) -> (u16, Value)) {
    for (size, statuses) in [(2_000_000, [405, 405]), (3_000_000, [405, 413])] {
        let file = scratch.join("body");
        fs::write(&file, vec![b'a'; size]).unwrap();
        let data = format!("@{}", file.display());
        // Over HTTP/2, curl before 8 takes an answer that comes while it is still sending for an error, every now and then.
        let more = ["--http1.1", "--data-binary", &data, "--header", "Expect:"];
        let (status, body) = ask(&more);
        assert!(statuses.contains(&status), "{size}: {status} {body}");
        fails_in_shape((status, body), status);
    }
}

/// An answer is an error of this status, in the one shape.
pub fn fails_in_shape((status, body): (u16, Value), expected: u16) {
    assert_eq!(status, expected, "{body}");
    assert_eq!(body["status_code"], expected, "{body}");
    assert!(body["reason"].is_string(), "{body}");
    assert_eq!(body.as_object().unwrap().len(), 3, "{body}");
}

/// Asks the front end by its name, over TLS that the certificate has to be right for.
fn ask(namespace: &Namespace, scratch: &Path, path: &str, more: &[&str]) -> (u16, Value) {
    let certificate = scratch.join("tls.crt");
    let mut command = namespace.command("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--path-as-is",
            "--max-time",
            "10",
        ])
        .args([
            "--resolve",
            &format!("{}:443:127.0.0.1", house("host")),
            "--write-out",
            "\n%{http_code} %{content_type}",
        ])
        .arg("--cacert")
        .arg(certificate)
        .args(more)
        .arg(format!("https://{}{path}", house("host")));
    let said = run(&mut command);
    let (body, end) = said.rsplit_once('\n').unwrap();
    let (status, kind) = end.split_once(' ').unwrap();
    assert_eq!(kind, "application/json", "{path}: {said}");
    (status.parse().unwrap(), serde_json::from_str(body).unwrap())
}

/// nginx, configured from nothing but Ingresses, as a controller would do it.
fn start_ingress(
    namespace: &mut Namespace,
    ingresses: &[&Value],
    addresses: Addresses,
    scratch: &Path,
) {
    let at = |file: &str| scratch.join(file).display().to_string();
    let host = house("host");
    run(Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            &format!("/CN={host}"),
            "-addext",
            &format!("subjectAltName=DNS:{host}"),
        ])
        .args(["-keyout", &at("tls.key"), "-out", &at("tls.crt")]));
    let mut locations = String::new();
    for ingress in ingresses {
        let limit = &ingress["metadata"]["annotations"]["nginx.org/client-max-body-size"];
        let limit = limit.as_str().unwrap_or("1m");
        // The default handler has the staging host as well.
        let rules = elements(&ingress["spec"]["rules"]).filter(|rule| rule["host"] == host);
        for path in rules.flat_map(|rule| elements(&rule["http"]["paths"])) {
            assert_eq!(path["pathType"], "Prefix");
            let service = path["backend"]["service"]["name"].as_str().unwrap();
            let (_, address) = addresses.iter().find(|(name, _)| *name == service).unwrap();
            let path = path["path"].as_str().unwrap().trim_end_matches('/');
            let pass =
                format!("{{ client_max_body_size {limit}; proxy_pass http://{address}; }}\n");
            if !path.is_empty() {
                locations += &format!("location = {path} {pass}");
            }
            locations += &format!("location {path}/ {pass}");
        }
    }
    let configuration = format!(
        "pid {}; error_log stderr warn; events {{}}\nhttp {{ access_log off;\n\
         server {{ listen 127.0.0.1:443 ssl; server_name {host};\n\
         ssl_certificate {}; ssl_certificate_key {};\n\
         proxy_http_version 1.1; proxy_set_header Host $host;\n{locations}}}\n}}\n",
        at("nginx.pid"),
        at("tls.crt"),
        at("tls.key")
    );
    fs::write(scratch.join("ingress.conf"), configuration).unwrap();
    let mut nginx = namespace.command("nginx");
    namespace.start(nginx.args(["-g", "daemon off;", "-c", &at("ingress.conf")]));
    namespace.wait_for("https://127.0.0.1/app/metadata");
}

/// Starts the example back-end of a rendering, with what its auth type needs.
pub fn start_backend(namespace: &mut Namespace, rendered: &Rendered, listen: &str) {
    let flags = backend_flags(rendered.answers.get("auth_type").unwrap());
    start_backend_with(namespace, rendered, listen, flags);
}

/// Starts the example back-end of a rendering, with flags of a test's own.
pub fn start_backend_with(
    namespace: &mut Namespace,
    rendered: &Rendered,
    listen: &str,
    flags: &[&str],
) {
    let mut command = namespace.command(rendered.backend().to_str().unwrap());
    namespace.start(command.args(flags).env("LISTEN", listen));
    namespace.wait_for_any_answer(&format!("http://{listen}/"));
}
