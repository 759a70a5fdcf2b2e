//! The real proxy, asked what the double is asked in apikit's own tests: one table has the answers of both.

use std::fs;

use bootstrap::render::Template;

use crate::{
    commands::run,
    oauth2_proxy::{
        accounts::HTPASSWD,
        stage::{PROXY, Stage},
    },
};

#[test]
#[ignore = "needs root and Go: run .ci/cluster"]
fn the_real_proxy_says_what_its_double_says() {
    let mut stage = Stage::without_service(&[], &[]);
    let file = stage.path("htpasswd");
    fs::write(&file, HTPASSWD).unwrap();
    let htpasswd = ("HTPASSWD_FILE", file.to_str().unwrap());
    // The double has the proxy's own defaults.
    let defaults = [("COOKIE_EXPIRE", "168h"), ("APPROVAL_PROMPT", "force")];
    for (kind, setting) in [
        ("page", ("DISPLAY_HTPASSWD_FORM", "true")),
        ("skip", ("SKIP_PROVIDER_BUTTON", "true")),
        ("json", ("FORCE_JSON_ERRORS", "true")),
    ] {
        stage.start_proxy(&[&[htpasswd, setting], &defaults[..]].concat());
        let root = Template::here().root;
        let manifest = root.join("template/Cargo.toml");
        let mut cargo = stage.namespace.command("cargo");
        cargo.args(["test", "--locked", "--quiet", "--package", "apikit"]);
        cargo.args(["--all-features", "--test", "api", "--manifest-path"]);
        cargo
            .arg(manifest)
            .args(["--", "--ignored", "the_real_proxy_says_it"]);
        // Where the gate has built them.
        cargo.env("CARGO_TARGET_DIR", root.join("target/renderings"));
        cargo.env("APIKIT_TEST_OAUTH2_PROXY", format!("http://{PROXY}"));
        cargo.env("APIKIT_TEST_OAUTH2_PROXY_KIND", kind);
        let said = run(&mut cargo);
        assert!(said.contains("1 passed"), "{said}");
    }
}
