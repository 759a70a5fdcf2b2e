//! Who is asking: the caller where the author says so, and else the service with its own account.

use std::fs;

use apikit::{
    Auth, Backend, BackendError, Caller, Result,
    backend::{BackendResponse, BackendSettings},
};
use axum::{http::StatusCode, response::IntoResponse};
use clap::Parser;

use crate::keeper::{ada, asking_for_credentials, keeper};

/// `robot:hidden-word`
const BASIC: &str = "Basic cm9ib3Q6aGlkZGVuLXdvcmQ=";

/// `ada:a word`
const ADA: &str = "Basic YWRhOmEgd29yZA==";

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    backend: BackendSettings,
}

/// The default back-end of a service.
fn default_backend(url: &str, auth: Auth, flags: &[&str]) -> Backend {
    let url = ["test", "--backend-url", url];
    let settings = Command::parse_from(url.iter().chain(flags));
    let time_limit = std::time::Duration::from_secs(5);
    Backend::new(&settings.backend, auth, "reports", time_limit).unwrap()
}

async fn text(answer: Result<BackendResponse>) -> String {
    match answer {
        Ok(answer) => answer.text().await.unwrap(),
        Err(error) => error.to_string(),
    }
}

/// What a back-end is told by each way to send a request of `ada`'s.
async fn told(backend: &Backend) -> [String; 3] {
    let request = || backend.get("/thing");
    [
        text(request().send_as(&ada()).await).await,
        text(request().send_for(&ada()).await).await,
        text(request().send().await).await,
    ]
}

#[tokio::test]
async fn a_named_back_end_learns_the_callers_credentials_only_where_the_author_says_so() {
    let url = asking_for_credentials(StatusCode::OK).await;
    let file = std::env::temp_dir().join(format!("apikit-token-{}", std::process::id()));
    fs::write(&file, "from-a-file\n").unwrap();
    let from_file = format!("--keeper-token-file={}", file.display());
    for (flags, own) in [
        (&[][..], "nothing"),
        (&["--keeper-token=hidden-word"], "Bearer hidden-word"),
        (&[&from_file], "Bearer from-a-file"),
        (
            &["--keeper-username=robot", "--keeper-password=hidden-word"],
            BASIC,
        ),
    ] {
        let told = told(&keeper(&url, flags)).await;
        assert_eq!(told, [ADA, own, own], "{flags:?}");
    }
    fs::remove_file(&file).unwrap();
}

#[tokio::test]
async fn the_default_back_end_is_asked_with_the_account_of_its_settings() {
    let url = asking_for_credentials(StatusCode::OK).await;
    let account = ["--auth-username=robot", "--auth-password=hidden-word"];
    for (auth, flags, expected) in [
        (Auth::None, &[][..], ["nothing"; 3]),
        (Auth::Basic, &[], [ADA, "nothing", "nothing"]),
        (Auth::None, &account, ["nothing", BASIC, BASIC]),
        (Auth::Basic, &account, [ADA, BASIC, BASIC]),
    ] {
        let told = told(&default_backend(&url, auth, flags)).await;
        assert_eq!(told, expected, "{auth:?} {flags:?}");
    }
}

#[tokio::test]
async fn a_caller_without_credentials_is_asked_for_them_where_they_are_to_be_passed_on() {
    let url = asking_for_credentials(StatusCode::OK).await;
    let flags = [
        "--auth-username=robot",
        "--auth-password=hidden-word",
        "--keeper-token=hidden-word",
    ];
    let keeper = keeper(&url, &flags);
    assert_eq!(told(&keeper).await[1], "Bearer hidden-word");
    let request = keeper.get("/thing");
    let error = request.send_as(&Caller::anonymous()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "401 Unauthorized: No authorization provided."
    );
    assert_eq!(
        challenge(error).as_deref(),
        Some(r#"Basic realm="reports", charset="UTF-8""#)
    );
}

/// The `WWW-Authenticate` header that a caller would get.
fn challenge(error: BackendError) -> Option<String> {
    let answer = error.into_response();
    let header = answer.headers().get("www-authenticate")?;
    Some(header.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_refusal_of_the_services_own_account_is_not_the_callers() {
    let account = ["--keeper-username=robot", "--keeper-password=hidden-word"];
    for (status, flags, told) in [
        (
            401,
            &account[..],
            "The back-end keeper does not accept the service's own account.",
        ),
        (
            401,
            &["--keeper-token=hidden-word"],
            "The back-end keeper does not accept the service's own account.",
        ),
        (
            401,
            &[],
            "The back-end keeper wants credentials, and the service has no account there.",
        ),
        (
            403,
            &account,
            "The back-end keeper forbids this to the service.",
        ),
    ] {
        let url = asking_for_credentials(StatusCode::from_u16(status).unwrap()).await;
        let keeper = keeper(&url, flags);
        for answer in [
            keeper.get("/thing").send_for(&ada()).await,
            keeper.get("/thing").send().await,
            keeper.get("/thing").pages_for(&ada()).next().await.unwrap(),
        ] {
            let error = answer.unwrap_err();
            assert_eq!(error.to_string(), format!("502 Bad Gateway: {told}"));
            assert_eq!(challenge(error), None);
        }
    }
    for status in [404, 409, 500] {
        let url = asking_for_credentials(StatusCode::from_u16(status).unwrap()).await;
        let error = keeper(&url, &account)
            .get("/thing")
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.status(), status);
    }
}

#[tokio::test]
async fn a_refusal_of_the_caller_stays_the_callers() {
    let url = asking_for_credentials(StatusCode::UNAUTHORIZED).await;
    let keeper = keeper(&url, &["--keeper-token=hidden-word"]);
    let error = keeper.get("/thing").send_as(&ada()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("401 Unauthorized: {ADA}"));
    assert_eq!(
        challenge(error).as_deref(),
        Some(r#"Basic realm="reports", charset="UTF-8""#)
    );
}

#[cfg(feature = "bitly-proxy")]
mod behind_a_proxy {
    use apikit::{
        Settings,
        testing::{
            self,
            oauth2::{Behaviour, Double},
        },
    };
    use axum::{Router, http::HeaderMap};
    use tokio::net::TcpListener;

    use super::*;

    /// A back-end behind an OAuth2 proxy, which says whom the proxy takes the caller for.
    async fn proxied(flags: &[&str]) -> Backend {
        let user = async |headers: HeaderMap| {
            let user = headers.get("x-forwarded-user");
            let user = user.and_then(|user| user.to_str().ok()).unwrap_or("nobody");
            user.to_owned()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let behind = Router::new().fallback(user);
        let double = Double::start(listener, behind, Behaviour::default()).await;
        let hosts = format!("--auth-login-hosts={}", double.login_host());
        let flags: Vec<_> = [hosts.as_str()].iter().chain(flags).copied().collect();
        default_backend(&double.url(), Auth::BitlyProxy, &flags)
    }

    #[tokio::test]
    async fn the_services_own_account_opens_a_session_of_its_own() {
        let backend = proxied(&["--auth-username=robot", "--auth-password=hidden-word"]).await;
        let as_ada = backend.get("/thing").send_as(&ada()).await;
        let as_robot = backend.get("/thing").send_for(&ada()).await;
        assert_ne!(text(as_ada).await, text(as_robot).await);
        assert_eq!(backend.session_counts().live, 2);
    }

    #[tokio::test]
    async fn a_login_that_fails_for_the_service_is_not_the_callers_fault() {
        let backend = proxied(&["--auth-username=robot", "--auth-password=wrong"]).await;
        let error = backend.get("/thing").send_for(&ada()).await.unwrap_err();
        let told = "502 Bad Gateway: The back-end does not accept the service's own account.";
        assert_eq!(error.to_string(), told);
    }

    #[tokio::test]
    async fn a_named_back_end_has_nothing_of_the_proxy() {
        let url = asking_for_credentials(StatusCode::OK).await;
        let flags = [format!("--keeper-url={url}")];
        let (_, config): (Settings, crate::keeper::Config) =
            testing::parsed(&crate::keeper::IDENTITY, &flags).unwrap();
        let keeper = proxied(&[]).await.beside(&config.keeper).unwrap();
        assert_eq!(told(&keeper).await, [ADA, "nothing", "nothing"]);
    }
}
