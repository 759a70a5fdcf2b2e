//! The routes as a whole: each is described in the OpenAPI document.

use apikit::testing;

#[test]
fn every_route_is_described() {
    let undescribed = testing::undescribed(&uservice::app());
    assert!(
        undescribed.is_empty(),
        "nothing describes {}. In src/service.rs, write `#[utoipa::path(…)]` over the handler, as the README shows, and \
         give it to the router by `.routes(routes!(handler))` instead of `.route(…)`.",
        undescribed.join(", "),
    );
}
