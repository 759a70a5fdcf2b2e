//! The service on a laptop: compose.yaml, held against the Dockerfile and the settings, and run.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{
    commands::run,
    images::{self, Image},
    manifests::Rendered,
    namespace::Namespace,
    support::ordinary,
};

fn read(service: &Rendered) -> Value {
    let text = fs::read_to_string(service.folder.join("compose.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
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
        let compose = read(&service);
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

/// As compose starts them, in one namespace, which takes the place of `network_mode`.
#[test]
#[ignore = "needs root, buildah and podman: run .ci/cluster"]
fn both_of_compose_answer_together() {
    let image: &Image = images::of("none");
    let backend = "tested-none-backend";
    images::build_target(backend, &image.rendered.folder, "backend");
    let compose = read(&image.rendered);
    let variables = compose["services"]["service"]["environment"]
        .as_object()
        .unwrap();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let mut namespace = Namespace::new();
    namespace.start_container("compose-backend", backend, &[]);
    namespace.start_container("compose-service", &image.name, &variables);
    namespace.wait_for("http://127.0.0.1:8080/app/build/time");
}
