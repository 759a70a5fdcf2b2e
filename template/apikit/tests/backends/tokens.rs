//! Tokens that expire are renewed by a function of the author's, once for all who need it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use apikit::{
    Backend, BackendError, Caller, Result,
    backend::{BackendResponse, Token},
};
use axum::{
    Router,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::IntoResponse,
};
use futures_util::future::join_all;
use reqwest::Body;
use tokio::sync::{Barrier, Notify};

use crate::keeper::{ada, keeper, served};

/// A back-end that takes one token, and the tokens that were made for it.
#[derive(Clone, Default)]
struct Tokens {
    accepted: Arc<AtomicU64>,
    made: Arc<AtomicU64>,
    asked: Arc<AtomicU64>,
}

impl Tokens {
    /// The back-end. Requests with a token that has expired are answered when `waiting` of them are there.
    async fn served(&self, waiting: usize) -> String {
        let (tokens, barrier) = (self.clone(), Arc::new(Barrier::new(waiting)));
        let answer = async move |headers: HeaderMap, body: String| {
            tokens.asked.fetch_add(1, Ordering::SeqCst);
            let expected = format!("Bearer token-{}", tokens.accepted.load(Ordering::SeqCst));
            if headers
                .get(AUTHORIZATION)
                .is_some_and(|sent| sent == expected.as_str())
            {
                return (StatusCode::OK, body).into_response();
            }
            barrier.wait().await;
            StatusCode::UNAUTHORIZED.into_response()
        };
        served(Router::new().fallback(answer)).await
    }

    /// The back-end at `url`, asked with `token-1`, `token-2`, and so on.
    fn backend(&self, url: &str) -> Backend {
        let made = self.made.clone();
        keeper(url, &[]).with_token(move || {
            let number = made.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(Token::new(format!("token-{number}"))) }
        })
    }

    /// Lets all tokens up to now expire.
    fn expire(&self) {
        let made = self.made.load(Ordering::SeqCst);
        self.accepted.store(made + 1, Ordering::SeqCst);
    }

    fn made(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn told(answer: Result<BackendResponse>) -> String {
    answer.unwrap_err().to_string()
}

#[tokio::test]
async fn fifty_requests_with_an_expired_token_renew_it_once() {
    const COUNT: usize = 50;
    let tokens = Tokens::default();
    let keeper = tokens.backend(&tokens.served(COUNT).await);
    tokens.expire();
    keeper.get("/thing").send().await.unwrap();
    assert_eq!(tokens.made(), 1);

    tokens.expire();
    let requests = (0..COUNT).map(|_| keeper.get("/thing").send());
    for answer in join_all(requests).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!(tokens.made(), 2);
    assert_eq!(tokens.asked(), 1 + 2 * COUNT as u64);
}

#[tokio::test]
async fn a_request_is_sent_again_with_its_body_unless_that_is_a_stream() {
    let tokens = Tokens::default();
    let keeper = tokens.backend(&tokens.served(1).await);
    tokens.expire();
    keeper.get("/thing").send().await.unwrap();

    tokens.expire();
    let answer = keeper.post("/thing").body("the body").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "the body");

    tokens.expire();
    let stream =
        axum::body::Body::from_stream(futures_util::stream::iter([Ok::<_, BackendError>("x")]));
    let refused = keeper.post("/thing").stream(stream).send().await;
    assert_eq!(
        told(refused),
        "503 Service Unavailable: The token for the back-end keeper had expired and is renewed: send the request once more."
    );
    let once_more = keeper.post("/thing").body(Body::from("x")).send().await;
    assert_eq!(once_more.unwrap().status(), 200);
    assert_eq!(tokens.made(), 3);
}

#[tokio::test]
async fn a_new_token_that_is_refused_too_is_a_502() {
    let tokens = Tokens::default();
    let keeper = tokens.backend(&tokens.served(1).await);
    let refused = keeper.get("/thing").send_for(&ada()).await;
    assert_eq!(
        told(refused),
        "502 Bad Gateway: The back-end keeper does not accept the service's own account."
    );
    assert_eq!((tokens.made(), tokens.asked()), (2, 2));
}

#[tokio::test]
async fn callers_are_asked_for_with_their_own_credentials_all_the_same() {
    let tokens = Tokens::default();
    let keeper = tokens.backend(&tokens.served(1).await);
    let refused = keeper.get("/thing").send_as(&ada()).await.unwrap_err();
    assert_eq!(
        (refused.status(), tokens.made()),
        (StatusCode::UNAUTHORIZED, 0)
    );
    let refused = keeper.get("/thing").send_as(&Caller::anonymous()).await;
    assert_eq!(
        told(refused),
        "401 Unauthorized: No authorization provided."
    );
}

#[tokio::test]
async fn a_function_that_fails_is_a_502_and_is_asked_again_next_time() {
    let url = served(Router::new().fallback(async || "here")).await;
    let runs = Arc::new(AtomicU64::new(0));
    let keeper = keeper(&url, &[]).with_token(move || {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            match run {
                0 => Err(BackendError::internal("the key is gone")),
                1 => panic!("so is the rest"),
                2 => Ok(Token::new("not\na\nheader")),
                _ => Ok(Token::new("token")),
            }
        }
    });
    for cause in [
        "the key is gone",
        "it panicked",
        "it has a character that no header can hold",
    ] {
        let error = keeper.get("/thing").send().await.unwrap_err();
        let told = "502 Bad Gateway: No token for the back-end keeper was to be had.";
        assert_eq!(error.to_string(), told);
        let mut causes = vec![];
        let mut next = std::error::Error::source(&error);
        while let Some(source) = next {
            causes.push(source.to_string());
            next = source.source();
        }
        assert!(causes.contains(&cause.to_owned()), "{causes:?}");
    }
    assert_eq!(keeper.get("/thing").send().await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_its_lifetime_is_over() {
    let url = served(Router::new().fallback(async || "here")).await;
    let runs = Arc::new(AtomicU64::new(0));
    let counted = runs.clone();
    let keeper = keeper(&url, &[]).with_token(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Ok(Token::new("token").lasting(Duration::from_secs(1000))) }
    });
    for (pause, made) in [(0, 1), (800, 1), (150, 2), (800, 2), (800, 3)] {
        tokio::time::advance(Duration::from_secs(pause)).await;
        keeper.get("/thing").send().await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), made);
    }
}

#[tokio::test]
async fn a_function_can_ask_the_back_end_itself_with_the_account_of_its_settings() {
    let answer = async |headers: HeaderMap| {
        let sent = headers[AUTHORIZATION].to_str().unwrap();
        match sent.strip_prefix("Basic ") {
            Some(_) => "made-of-a-password".to_owned(),
            None => sent.to_owned(),
        }
    };
    let url = served(Router::new().fallback(answer)).await;
    let keeper = keeper(
        &url,
        &["--keeper-username=robot", "--keeper-password=hidden-word"],
    );
    let account = keeper.clone();
    let keeper = keeper.with_token(move || {
        let asked = account.post("/token").send();
        async { Ok(Token::new(asked.await?.text().await?)) }
    });
    let answer = keeper.get("/thing").send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "Bearer made-of-a-password");
}

#[tokio::test]
async fn a_caller_who_leaves_takes_no_token_with_them() {
    let url = served(Router::new().fallback(async || "here")).await;
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let runs = Arc::new(AtomicU64::new(0));
    let keeper = keeper(&url, &[]).with_token({
        let (begun, go_on, runs) = (begun.clone(), go_on.clone(), runs.clone());
        move || {
            runs.fetch_add(1, Ordering::SeqCst);
            begun.notify_one();
            let go_on = go_on.clone();
            async move {
                go_on.notified().await;
                Ok(Token::new("token"))
            }
        }
    });
    let leaving = tokio::spawn(keeper.get("/thing").send());
    begun.notified().await;
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    go_on.notify_one();
    keeper.get("/thing").send().await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
