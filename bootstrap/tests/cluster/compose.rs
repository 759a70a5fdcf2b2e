//! The service on a laptop: compose.yaml, held against the Dockerfile and the settings, and run.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    commands::{finish, run},
    images::{self, Image},
    manifests::Rendered,
    namespace::Namespace,
    support::ordinary,
};

fn read(service: &Rendered, file: &str) -> Value {
    let text = fs::read_to_string(service.folder.join(file)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// The variables that a container of a compose file is given.
fn environment(compose: &Value, container: &str) -> BTreeMap<String, String> {
    let variables = compose["services"][container]["environment"].as_object();
    let variables = variables.unwrap().iter();
    variables
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

#[test]
#[ignore = "needs check-jsonschema: run .ci/cluster"]
fn compose_is_as_its_schema_the_dockerfile_and_the_settings_have_it() {
    for (auth, flag) in [
        ("none", ""),
        ("basic", "--basic"),
        ("bitly-proxy", "--proxy"),
    ] {
        let service = Rendered::of(ordinary(auth).with("port", "9000"));
        run(Command::new("check-jsonschema")
            .args(["--builtin-schema", "vendor.compose-spec", "compose.yaml"])
            .current_dir(&service.folder));
        let compose = read(&service, "compose.yaml");
        let services = &compose["services"];
        assert_eq!(services["service"]["ports"][0], "127.0.0.1:9000:9000");
        assert_eq!(services["backend"]["command"][0], flag);
        let dockerfile = fs::read_to_string(service.folder.join("Dockerfile")).unwrap();
        assert!(dockerfile.contains("EXPOSE 9000\n") && dockerfile.contains("\nHEALTHCHECK "));
        let target = services["backend"]["build"]["target"].as_str().unwrap();
        assert!(dockerfile.contains(&format!(" AS {target}\n")));
        for container in services.as_object().unwrap().values() {
            assert_eq!(container["read_only"], true);
            assert_eq!(container["cap_drop"][0], "ALL");
            assert_eq!(container["security_opt"][0], "no-new-privileges:true");
        }
    }
}

/// As the README says, by a program that reads such files, and with the images that are built already.
#[test]
#[ignore = "needs root, buildah, podman and podman-compose: run .ci/cluster"]
fn what_compose_starts_answers_and_stops_when_told() {
    for (auth, route, of_stranger) in [
        ("none", "/app", "200"),
        ("bitly-proxy", "/tested-bitly-proxy", "401"),
    ] {
        let image: &Image = images::of(auth);
        let backend = image.build_stage("backend");
        let mut namespace = Namespace::new();
        for (built, service) in [(&image.name, "service"), (&backend, "backend")] {
            let name = format!("{}_{service}", image.name);
            run(Command::new("podman").args(["tag", built, &format!("localhost/{name}")]));
            namespace.ends_with_container(&format!("{name}_1"));
        }
        let compose = |arguments: &[&str]| {
            let mut compose = namespace.command("podman-compose");
            let file = image.rendered.folder.join("compose.yaml");
            compose.arg("--file").arg(file).args(arguments);
            let output = finish(&mut compose);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
            said
        };
        compose(&["up", "--detach", "--no-build"]);
        let url = format!("http://127.0.0.1:8080{route}/build/time");
        let ask = |options: &[&str]| {
            let mut curl = namespace.command("curl");
            let asked = curl.args(["--silent", &url]).args(options);
            String::from_utf8(finish(asked).stdout).unwrap()
        };
        namespace.wait_until("the service has a value of its back-end", || {
            ask(&["--user", "you:demo"]).contains(r#""value":"2m 41s""#)
        });
        let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        assert_eq!(ask(&status), of_stranger);
        let said = compose(&["down"]);
        assert!(!said.contains("resorting to SIGKILL"), "{said}");
    }
}

fn pairs(variables: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// The program itself, with the settings of both of its files, in the place of its image.
#[test]
#[ignore = "needs root, buildah, podman, check-jsonschema and the OAuth2 proxy: run .ci/cluster"]
fn the_oauth2_proxy_of_compose_lets_in_whom_it_knows() {
    const FILE: &str = "compose.oauth2-proxy.yaml";
    assert!(!images::of("basic").rendered.folder.join(FILE).exists());
    let image: &Image = images::of("bitly-proxy");
    let folder = &image.rendered.folder;
    run(Command::new("check-jsonschema")
        .args(["--builtin-schema", "vendor.compose-spec", FILE])
        .current_dir(folder));
    let backend = image.build_stage("backend");
    let mut namespace = Namespace::new();
    namespace.start_container("proxied-backend", &backend, &[]);

    let more = read(&image.rendered, FILE);
    let own = &more["services"]["oauth2-proxy"];
    let scratch = TempDir::new().unwrap();
    let htpasswd = scratch.path().join("htpasswd");
    let content = &more["configs"]["htpasswd"]["content"];
    fs::write(&htpasswd, content.as_str().unwrap()).unwrap();
    let file = fs::read_to_string(folder.join(own["env_file"].as_str().unwrap())).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let mut proxy = namespace.command("oauth2-proxy");
    proxy.envs(lines.filter_map(|line| line.split_once('=')));
    proxy.envs(environment(&more, "oauth2-proxy"));
    assert_eq!(own["configs"][0]["target"], "/htpasswd");
    proxy.env("OAUTH2_PROXY_HTPASSWD_FILE", htpasswd);
    namespace.start(&mut proxy);

    let mut variables = environment(&read(&image.rendered, "compose.yaml"), "service");
    variables.extend(environment(&more, "service"));
    let variables: Vec<_> = pairs(&variables).collect();
    namespace.start_container("proxied-service", &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/readyz");
    namespace.wait_for_any_answer("http://127.0.0.1:4180/ping");
    let status = |user: &str| {
        let url = format!("http://127.0.0.1:8080/{}/build/time", image.name);
        let mut curl = namespace.command("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", user]);
        run(curl.arg(url))
    };
    assert_eq!(status("you:demo"), "200");
    assert_eq!(status("you:else"), "401");
}
