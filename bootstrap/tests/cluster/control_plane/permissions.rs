//! What the pods of services may ask of the API server: what the manifests grant their accounts, and nothing more.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    commands::{run, run_with},
    control_plane::{ControlPlane, group},
    manifests::{builds, elements},
};

/// A namespace and the name of an account in it.
type Account = (String, String);

/// What may be done: a verb, and an API group with a resource or a path.
type Permission = (String, String);

#[test]
#[ignore = "needs root, kubectl and Kubernetes: run .ci/cluster"]
fn accounts_of_pods_may_do_what_is_granted_and_nothing_more() {
    let plane = ControlPlane::without_controllers();
    let all = || builds().flat_map(|build| &build.manifests);
    plane.make_namespaces(all());
    // Each object once, as builds share them.
    let granting = all().filter(|manifest| group(manifest) == "rbac.authorization.k8s.io");
    let granting: BTreeSet<_> = granting.map(Value::to_string).collect();
    let granting: Vec<Value> = granting
        .iter()
        .map(|one| serde_json::from_str(one).unwrap())
        .collect();
    if !granting.is_empty() {
        plane.apply(&granting);
    }
    let accounts = accounts();
    assert!(!accounts.is_empty());
    for account in &accounts {
        let granted = granted(account, &granting);
        assert_eq!(beyond_anybody(&plane, account), granted, "{account:?}");
    }
    println!(
        "{} accounts may do nothing but what is granted",
        accounts.len()
    );

    // And what somebody is granted is seen.
    let (namespace, name) = accounts.first().unwrap();
    let create = |what: &[&str]| {
        let mut kubectl = plane.kubectl();
        run(kubectl
            .args(["--namespace", namespace, "create"])
            .args(what))
    };
    create(&["role", "reader", "--verb=list", "--resource=pods"]);
    let account = format!("--serviceaccount={namespace}:{name}");
    create(&["rolebinding", "reader", "--role=reader", &account]);
    let list_pods = ("list".to_owned(), "/pods".to_owned());
    plane.wait_until("the account may list pods", || {
        beyond_anybody(&plane, accounts.first().unwrap()).contains(&list_pods)
    });
}

/// The accounts that pods of all builds run as.
fn accounts() -> BTreeSet<Account> {
    let deployments = builds().flat_map(|build| build.all("Deployment"));
    let account = |deployment: &Value| {
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap();
        let name = &deployment["spec"]["template"]["spec"]["serviceAccountName"];
        let name = name.as_str().unwrap_or("default");
        (namespace.to_owned(), name.to_owned())
    };
    deployments.map(account).collect()
}

/// What an account may do that another one of its namespace may not, of which nobody has heard.
fn beyond_anybody(plane: &ControlPlane, (namespace, name): &Account) -> BTreeSet<Permission> {
    let may = |name: &str| permissions(plane, namespace, name);
    may(name).difference(&may("nobody")).cloned().collect()
}

/// What the API server says that an account may do in its namespace.
fn permissions(plane: &ControlPlane, namespace: &str, name: &str) -> BTreeSet<Permission> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    });
    let mut kubectl = plane.kubectl();
    kubectl.arg(format!("--as=system:serviceaccount:{namespace}:{name}"));
    // As it stands, since the account may not look up what is valid.
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    kubectl.args(["create", "--raw", path, "-f", "-"]);
    let said = run_with(&review.to_string(), &mut kubectl);
    let review: Value = serde_json::from_str(&said).unwrap();
    let status = &review["status"];
    assert_eq!(status["incomplete"], false, "{review}");
    let rules = elements(&status["resourceRules"]).chain(elements(&status["nonResourceRules"]));
    rules.flat_map(of_rule).collect()
}

/// What the bindings among some manifests grant an account.
fn granted((namespace, name): &Account, manifests: &[Value]) -> BTreeSet<Permission> {
    let binds = |binding: &&Value| {
        elements(&binding["subjects"]).any(|subject| {
            subject["kind"] == "ServiceAccount"
                && subject["name"] == **name
                && subject["namespace"] == **namespace
        })
    };
    let roles = manifests.iter().filter(binds).flat_map(|binding| {
        let role = &binding["roleRef"];
        manifests.iter().filter(move |one| {
            one["kind"] == role["kind"] && one["metadata"]["name"] == role["name"]
        })
    });
    roles
        .flat_map(|role| elements(&role["rules"]))
        .flat_map(of_rule)
        .collect()
}

/// What a rule permits, one by one.
fn of_rule(rule: &Value) -> Vec<Permission> {
    let texts = |key: &str| -> Vec<String> {
        let all = elements(&rule[key]).map(|one| one.as_str().unwrap().to_owned());
        all.collect()
    };
    let mut what = texts("nonResourceURLs");
    for group in texts("apiGroups") {
        let resources = texts("resources").into_iter();
        what.extend(resources.map(|resource| format!("{group}/{resource}")));
    }
    let verbs = texts("verbs");
    let pairs = what
        .iter()
        .flat_map(|what| verbs.iter().map(move |verb| (verb.clone(), what.clone())));
    pairs.collect()
}
