//! What was answered, in the manifests: who the service is, where it is reached, and whom it asks.

use serde_json::json;

use crate::{
    manifests::{Rendered, builds, services},
    support::house,
};

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn manifests_say_who_the_service_is() {
    for (rendered, builds) in services() {
        let name = rendered.answers.name.clone();
        let build = &builds[0];
        let namespace = rendered.given("namespace", &house("namespace"));
        for manifest in &build.manifests {
            let found = &manifest["metadata"];
            assert_eq!(found["namespace"], namespace, "{name}");
            assert_eq!(found["labels"]["app.kubernetes.io/name"], name);
            if manifest["kind"] != "ConfigMap" {
                assert_eq!(found["name"], name);
            }
        }
        let deployment = build.get("Deployment", &name);
        let description = rendered.given("description", "");
        let annotations = &deployment["metadata"]["annotations"];
        assert_eq!(annotations["kubernetes.io/description"], description);
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let image = container["image"].as_str().unwrap();
        let registry = image.strip_suffix(&format!("/{name}")).unwrap();
        assert_eq!(rendered.given("registry", registry), registry);
        let port = rendered.given("port", &house("port"));
        assert_eq!(container["ports"][0]["containerPort"].to_string(), port);
        let settings = build.all("ConfigMap").next().unwrap();
        assert_eq!(settings["data"]["BACKEND_URL"], backend_url(rendered));
    }
}

fn backend_url(rendered: &Rendered) -> String {
    let backend = format!("http://{}-backend", rendered.answers.name);
    rendered.given("backend_url", &backend)
}

#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn requests_come_by_the_host_and_the_route_that_were_answered() {
    for (rendered, builds) in services() {
        let name = rendered.answers.name.as_str();
        let route = rendered.given("route", &format!("/{name}"));
        for build in builds {
            let host = rendered.given("host", &house("host"));
            let host = match build.has("staging") {
                true => format!("staging.{host}"),
                false => host,
            };
            for ingress in build.all("Ingress") {
                let path = json!({
                    "path": route,
                    "pathType": "Prefix",
                    "backend": {"service": {"name": name, "port": {"name": "http"}}},
                });
                let rules = json!([{"host": host, "http": {"paths": [path]}}]);
                let spec = &ingress["spec"];
                assert_eq!(spec["rules"], rules, "{}", build.name);
                let secret = rendered.given("tls_secret", &house("tls_secret"));
                let secret = match build.has("staging") {
                    true => format!("staging-{secret}"),
                    false => secret,
                };
                let tls = json!([{"hosts": [host], "secretName": secret}]);
                assert_eq!(spec["tls"], tls, "{}", build.name);
                let class = rendered.given("ingress_class", &house("ingress_class"));
                let class = match build.has("eks") {
                    true => "alb".to_owned(),
                    false => class,
                };
                let class = (!build.has("gke-ingress")).then_some(class);
                assert_eq!(spec["ingressClassName"], json!(class), "{}", build.name);
            }
            for routed in build.all("HTTPRoute") {
                let gateway = rendered.given("namespace", &house("namespace"));
                let listener = match build.has("staging") {
                    true => "https-staging",
                    false => "https",
                };
                let mut expected = json!({
                    "parentRefs": [{
                        "name": gateway,
                        "namespace": gateway,
                        "sectionName": listener,
                    }],
                    "hostnames": [host],
                    "rules": [{
                        "matches": [{"path": {"type": "PathPrefix", "value": route}}],
                        "backendRefs": [{"name": name, "port": 80}],
                    }],
                });
                if build.has("cilium") {
                    expected["rules"][0]["timeouts"] = json!({"request": "35s"});
                }
                assert_eq!(routed["spec"], expected, "{}", build.name);
            }
        }
    }
}

/// A controller is told to rewrite by an annotation, and a Gateway by a filter.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn nothing_rewrites_a_path() {
    for build in builds() {
        for ingress in build.all("Ingress") {
            assert!(!ingress.to_string().contains("rewrite"), "{}", build.name);
        }
        for route in build.all("HTTPRoute") {
            let text = route.to_string();
            let changes = ["URLRewrite", "replaceFullPath", "replacePrefixMatch"];
            let changed = changes.iter().any(|change| text.contains(change));
            assert!(!changed, "{}", build.name);
        }
    }
}

/// The service asks the proxy beside it as it would ask the back-end, and logs in at the proxy's own root.
#[test]
#[ignore = "needs kubectl: run .ci/cluster"]
fn an_oauth2_proxy_stands_between_the_service_and_its_back_end() {
    let mut found = 0;
    for (rendered, builds) in services() {
        for build in builds.iter().filter(|build| build.has("oauth2-proxy")) {
            found += 1;
            let data = |what: &str| {
                let mut maps = build.all("ConfigMap");
                let map = maps.find(|map| !map["data"][what].is_null());
                map.unwrap()["data"][what].as_str().unwrap()
            };
            let proxy = format!("http://{}", data("OAUTH2_PROXY_HTTP_ADDRESS"));
            let backend = backend_url(rendered);
            let path = backend.splitn(4, '/').nth(3);
            let path = path.map(|path| format!("/{path}")).unwrap_or_default();
            assert_eq!(
                data("BACKEND_URL"),
                format!("{proxy}{path}"),
                "{}",
                build.name
            );
            assert_eq!(data("AUTH_ENDPOINT"), format!("{proxy}/oauth2/start"));
            let callback = data("OAUTH2_PROXY_REDIRECT_URL");
            assert_eq!(callback, format!("{proxy}/oauth2/callback"));
            // One upstream, for all that is below it.
            let upstreams = data("OAUTH2_PROXY_UPSTREAMS");
            assert_eq!(upstreams, format!("{}/", backend.trim_end_matches('/')));
            assert!(!upstreams.contains(','), "{upstreams}");
        }
    }
    assert!(found > 0, "no build has an OAuth2 proxy");
}
