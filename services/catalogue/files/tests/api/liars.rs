//! Services that lie, hang, never end or are gone.

use std::time::{Duration, Instant};

use crate::{
    stand_in::{StandIn, liars},
    test_app::TestApp,
};

#[tokio::test]
async fn each_liar_is_named_for_what_it_does_and_takes_nobody_else_down() {
    let good = StandIn::good("good").await;
    let mut list = vec![
        format!("good={}", good.url),
        "gone=http://127.0.0.1:1".to_owned(),
    ];
    let mut running = Vec::new();
    for (name, app, _) in liars() {
        let liar = StandIn::start(app).await;
        list.push(format!("{name}={}", liar.url));
        running.push(liar);
    }
    let app = TestApp::listing(&list.join("\n")).await;
    for (name, _, problem) in liars() {
        let told = app.looked_at(name).await;
        assert_ne!(told["status"], "pass", "{told}");
        assert!(told["problems"].to_string().contains(problem), "{told}");
        assert!(
            told["metadata"].is_null() && told["openapi"].is_null(),
            "{told}"
        );
    }
    assert_eq!(app.looked_at("gone").await["status"], "fail");
    app.service("good", |service| service["status"] == "pass")
        .await;

    // Nobody who asks the catalogue waits for any of them.
    let begun = Instant::now();
    for path in [
        "/catalogue/services",
        "/catalogue/merged/openapi.json",
        "/.well-known/api-catalog",
    ] {
        app.json(path).await;
    }
    app.page("/catalogue/").await;
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}
