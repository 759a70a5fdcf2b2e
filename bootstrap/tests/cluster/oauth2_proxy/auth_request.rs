//! The proxy beside nginx, which asks it about each request by `auth_request` and passes on to the back-end itself.

use std::fs;

use crate::oauth2_proxy::stage::{BACKEND, PROXY, Stage};

const ADA: &str = "ada:a word of ada's";

const NGINX: &str = "127.0.0.1:8000";

/// What nginx makes of the proxy's 401, as manuals have it.
const ERROR_PAGES: [(&str, &str); 4] = [
    // The sign-in page with 403, as the proxy's own manual has it, and with 200.
    ("error_page 401 =403 /oauth2/sign_in;", ""),
    ("error_page 401 = /oauth2/sign_in;", ""),
    // A redirect to it, and one to the start.
    (
        "error_page 401 = @sign_in;",
        "location @sign_in { return 302 /oauth2/sign_in?rd=$request_uri; }",
    ),
    (
        "error_page 401 = @sign_in;",
        "location @sign_in { return 302 /oauth2/start?rd=$request_uri; }",
    ),
];

#[test]
#[ignore = "needs root, nginx and Go: run .ci/cluster"]
fn a_session_is_opened_and_its_loss_noticed_behind_nginx() {
    for (error_page, location) in ERROR_PAGES {
        println!("{error_page} {location}");
        for more in [&[][..], &[("SKIP_PROVIDER_BUTTON", "true")]] {
            let mut stage = stage(more, error_page, location);
            assert_eq!(
                stage.statuses_of(50, ADA),
                [200; 50],
                "{}",
                stage.said("service")
            );
            assert_eq!(stage.passwords_sent(), 1, "{}", stage.said("service"));

            let other = ("COOKIE_SECRET", "another thirty-two bytes, unused");
            let own = ("REDIRECT_URL", "http://127.0.0.1:8000/oauth2/callback");
            stage.start_proxy(&[more, &[own, other]].concat());
            assert_eq!(
                stage.statuses_of(50, ADA),
                [200; 50],
                "{}",
                stage.said("service")
            );
            stage.answers(ADA);
            assert_eq!(stage.passwords_sent(), 2, "{}", stage.said("service"));
        }
    }
}

#[test]
#[ignore = "needs root, nginx and Go: run .ci/cluster"]
fn a_session_that_is_renewed_behind_nginx_goes_on() {
    let (error_page, location) = ERROR_PAGES[0];
    let stage = stage(&[("COOKIE_REFRESH", "1s")], error_page, location);
    stage.namespace.wait_until("there are three renewals", || {
        stage.answers(ADA);
        stage.said("dex").matches("granted=true").count() == 3
    });
    assert_eq!(stage.passwords_sent(), 1);
}

/// nginx with an `error_page`, and a service in front of it.
fn stage(more: &[(&str, &str)], error_page: &str, location: &str) -> Stage {
    let own = [("REDIRECT_URL", "http://127.0.0.1:8000/oauth2/callback")];
    let mut stage = Stage::without_service(&[more, &own].concat(), &[]);
    let at = |file| stage.path(file).display().to_string();
    let configuration = format!(
        "pid {}; error_log stderr warn; events {{}}\nhttp {{ access_log off;\n\
         server {{ listen {NGINX};\n\
         location /oauth2/ {{ proxy_pass http://{PROXY}; proxy_set_header Host $http_host;\n\
         proxy_set_header X-Auth-Request-Redirect $request_uri; }}\n\
         location = /oauth2/auth {{ proxy_pass http://{PROXY}; proxy_set_header Host $http_host;\n\
         proxy_set_header Content-Length ''; proxy_pass_request_body off; }}\n\
         location / {{ auth_request /oauth2/auth; {error_page}\n\
         auth_request_set $renewed $upstream_http_set_cookie; add_header Set-Cookie $renewed;\n\
         proxy_pass http://{BACKEND}; }}\n{location}\n}}\n}}\n",
        at("nginx.pid"),
    );
    fs::write(stage.path("nginx.conf"), configuration).unwrap();
    let mut nginx = stage.namespace.command("nginx");
    nginx.args(["-g", "daemon off;", "-c", &at("nginx.conf")]);
    stage.namespace.start(&mut nginx);
    let sign_in = format!("http://{NGINX}/oauth2/auth");
    stage.namespace.wait_for_any_answer(&sign_in);
    let url = format!("http://{NGINX}");
    stage.start_service(&[("BACKEND_URL", &url)]);
    stage
}
