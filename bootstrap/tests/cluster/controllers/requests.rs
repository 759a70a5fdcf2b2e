//! The way of a request through the controller, while pods stay and while they are replaced.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    stage::{Stage, is_in_staging, is_ready, staging},
    way::Way,
};
use crate::{
    commands::{finish, run},
    front_end::{fails_in_shape, large_bodies_are_answered},
    manifests::elements,
    support::house,
};

#[test]
#[ignore = "needs root, kubectl, Kubernetes, skipper, nginx and wrk: run .ci/cluster"]
fn by_ingresses_requests_reach_services_and_none_is_lost_while_pods_are_replaced() {
    Stage::set(Way::Ingress).while_it_runs(requests_are_answered);
}

#[test]
#[ignore = "needs root, kubectl, Kubernetes, Contour, Envoy, nginx and wrk: run .ci/cluster"]
fn by_http_routes_requests_reach_services_and_none_is_lost_while_pods_are_replaced() {
    Stage::set(Way::Gateway).while_it_runs(|stage| {
        the_gateway_and_its_routes_are_accepted(stage);
        who_comes_without_tls_is_sent_away(stage);
        requests_are_answered(stage);
    });
}

/// One cluster for all, since it takes its time to come up.
fn requests_are_answered(stage: &Stage) {
    requests_arrive_as_they_were_sent(stage);
    staging_has_its_own_host_and_services(stage);
    large_bodies_are_answered(stage.scratch(), |more| json(stage, "/app/build/time", more));
    the_catalogue_has_the_root_and_its_own_paths(stage);
    paths_of_nobody_reach_the_default_handler(stage);
    pods_are_replaced_under_load(stage);
}

/// By the controller's own word.
fn the_gateway_and_its_routes_are_accepted(stage: &Stage) {
    let gateways = stage.plane.all("gateways");
    let [gateway] = &gateways[..] else {
        panic!("{gateways:?}")
    };
    is_true(&gateway["status"], "Accepted");
    for listener in elements(&gateway["status"]["listeners"]) {
        is_true(listener, "ResolvedRefs");
    }
    let routes = stage.plane.all("httproutes");
    for route in &routes {
        let parents: Vec<_> = elements(&route["status"]["parents"]).collect();
        let named = elements(&route["spec"]["parentRefs"]).count();
        assert_eq!(parents.len(), named, "{route}");
        for parent in parents {
            is_true(parent, "Accepted");
            is_true(parent, "ResolvedRefs");
        }
    }
    let count = routes.len();
    println!("The Gateway is accepted, and {count} HTTPRoutes");
    assert!(count > 5);
}

fn is_true(status: &Value, kind: &str) {
    let mut conditions = elements(&status["conditions"]);
    let condition = conditions.find(|condition| condition["type"] == kind);
    assert_eq!(condition.unwrap()["status"], "True", "{status}");
}

/// No password is taken in the clear.
fn who_comes_without_tls_is_sent_away(stage: &Stage) {
    for host in [house("host"), staging()] {
        let (_, insecure) = stage.way.ports();
        let mut curl = stage.curl(insecure);
        curl.args([
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code} %{redirect_url}",
        ]);
        let said = run(curl.arg(format!("http://{host}/app/build/time?a=b")));
        assert_eq!(said, format!("301 https://{host}/app/build/time?a=b"));
    }
}

fn requests_arrive_as_they_were_sent(stage: &Stage) {
    for (route, auth) in [("/app", "none"), ("/apples", "basic")] {
        let (status, body) = json(stage, &format!("{route}/metadata"), &[]);
        assert_eq!((status, &body["auth"]), (200, &json!(auth)));
        let (status, body) = json(
            stage,
            &format!("{route}/build/time"),
            &["--user", "ada:demo"],
        );
        let expected = json!({"jobname": "build", "metric": "time", "value": "2m 41s"});
        assert_eq!((status, body), (200, expected));
        // What is encoded stays so, and what is doubled.
        let (status, body) = json(
            stage,
            &format!("{route}/a%2Fb/time?x=%2f//&x"),
            &["--user", "ada:demo"],
        );
        assert_eq!(status, 404, "{body}");
        assert!(
            body["error_content"].as_str().unwrap().contains("a/b"),
            "{body}"
        );
        fails_in_shape(
            json(stage, &format!("{route}//time"), &["--user", "ada:demo"]),
            404,
        );
    }
    fails_in_shape(json(stage, "/apples/build/time", &[]), 401);
}

/// One service is in both stages, the other in production alone.
fn staging_has_its_own_host_and_services(stage: &Stage) {
    let (status, body) = json_of(stage, &staging(), "/app/build/time", &[]);
    assert_eq!((status, &body["value"]), (200, &json!("2m 41s")));
    for path in ["/apples/metadata", "/"] {
        fails_in_shape(json_of(stage, &staging(), path, &[]), 404);
    }
}

fn the_catalogue_has_the_root_and_its_own_paths(stage: &Stage) {
    let host = house("host");
    let ask = |path: &str, accept: &str| {
        let header = format!("Accept: {accept}");
        stage.ask(&host, path, &["--header", &header])
    };
    for path in ["/", "/catalogue", "/catalogue/", "/catalogue/?q=behind"] {
        let (status, kind, page) = ask(path, "text/html");
        assert_eq!(
            (status, kind.as_str()),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(
            page.contains("<h1>Services</h1>") && page.contains("behind-basic"),
            "{page}"
        );
    }
    let (status, _, body) = ask("/", "*/*");
    assert_eq!((status, body.as_str()), (200, "OK"));
    let (_, listed) = json(stage, "/catalogue/services", &[]);
    let services = listed["services"].as_array().unwrap().iter();
    let routes: Vec<_> = services
        .map(|one| (one["name"].clone(), one["route"].clone()))
        .collect();
    let expected = [
        ("behind-basic", "/apples"),
        ("behind-none", "/app"),
        ("catalogue", "/catalogue"),
    ];
    let expected = expected.map(|(name, route)| (json!(name), json!(route)));
    assert_eq!(routes, expected);
    let (status, kind, links) = ask("/.well-known/api-catalog", "*/*");
    assert_eq!(status, 200);
    assert!(kind.starts_with("application/linkset+json"), "{kind}");
    assert!(links.contains(&format!("https://{host}/apples")), "{links}");
}

fn paths_of_nobody_reach_the_default_handler(stage: &Stage) {
    for path in [
        "/apple",
        "/application/metadata",
        "/catalog",
        "/services",
        "/.well-known/security.txt",
        "/.well-known/api-catalog/more",
        "/metadata",
        "/metrics",
        "/readyz",
    ] {
        let answer = json(stage, path, &[]);
        let content = "No service of this front end is at this path.";
        assert_eq!(answer.1["error_content"], content, "{path}");
        fails_in_shape(answer, 404);
    }
}

/// Each pod by a new one, as `kubectl rollout restart` has it, while requests come all the time.
fn pods_are_replaced_under_load(stage: &Stage) {
    let deployment = "deployment/behind-none";
    let (before, addresses) = pods(stage);
    let said = stage.scratch().join("wrk.txt");
    let mut wrk = stage.plane.command("wrk");
    wrk.args(["-t1", "-c8", "-d300s", "--timeout", "30s"]);
    let (host, (secure, _)) = (house("host"), stage.way.ports());
    wrk.args(["-H", &format!("Host: {host}")]);
    wrk.arg(format!("https://{host}:{secure}/app/build/time"));
    wrk.stdin(Stdio::null())
        .stdout(File::create(&said).unwrap());
    let mut wrk = wrk.spawn().unwrap();

    let namespace = house("namespace");
    let mut kubectl = stage.plane.kubectl();
    run(kubectl.args(["--namespace", &namespace, "rollout", "restart", deployment]));
    stage.plane.wait_until("all pods are new and ready", || {
        let (all, _) = pods(stage);
        let deployments = stage.plane.all("deployments");
        let mut own = deployments
            .iter()
            .filter(|one| one["metadata"]["name"] == "behind-none" && !is_in_staging(one));
        is_ready(own.next().unwrap()) && !all.iter().any(|pod| before.contains(pod))
    });
    stage
        .plane
        .wait_until("the controller knows no pod of before", || {
            let known = stage.way.addresses(stage);
            !addresses.iter().any(|address| known.contains(address))
        });
    // An interrupted wrk says what it has seen.
    finish(Command::new("kill").args(["-INT", &wrk.id().to_string()]));
    assert!(wrk.wait().unwrap().success());

    let said = fs::read_to_string(said).unwrap();
    println!(
        "{} pods were replaced while there was load:\n{said}",
        before.len()
    );
    assert!(
        !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "{said}"
    );
    let (count, _) = said.split_once(" requests in ").expect("wrk says how many");
    let count: u32 = count.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(count > 1000, "{said}");
    assert_eq!(before.len(), 3);
}

/// The names of the pods that are replaced, and where they are, with a colon behind it.
fn pods(stage: &Stage) -> (Vec<String>, Vec<String>) {
    let pods = stage.plane.all("pods").into_iter();
    let name = "app.kubernetes.io/name";
    let own =
        pods.filter(|pod| pod["metadata"]["labels"][name] == "behind-none" && !is_in_staging(pod));
    let known = own.map(|pod| {
        let (name, address) = (&pod["metadata"]["name"], &pod["status"]["podIP"]);
        let address = address.as_str().unwrap_or_default();
        (name.as_str().unwrap().to_owned(), format!("{address}:"))
    });
    known.unzip()
}

/// An answer of production in JSON, as all are.
fn json(stage: &Stage, path: &str, more: &[&str]) -> (u16, Value) {
    json_of(stage, &house("host"), path, more)
}

fn json_of(stage: &Stage, host: &str, path: &str, more: &[&str]) -> (u16, Value) {
    let (status, kind, body) = stage.ask(host, path, more);
    assert_eq!(kind, "application/json", "{host}{path}: {status} {body}");
    (status, serde_json::from_str(&body).unwrap())
}
