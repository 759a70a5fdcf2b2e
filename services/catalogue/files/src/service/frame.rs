//! What the pages of the catalogue have in common: their head, the way between them, and their end.

use maud::{DOCTYPE, Markup, html};

use super::{apis, linkset};
use crate::identity::{IDENTITY, ROUTE};

/// A page of the catalogue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Services,
    Apis,
}

/// Four tiles, one of which is of another colour.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath \
    fill='%230b6e6e' d='M1 1h6v6H1zM9 1h6v6H9zM1 9h6v6H1z'/%3E%3Cpath fill='%23e0a100' d='M9 9h6v6H9z'/%3E%3C/svg%3E";

/// The whole page with this content.
pub fn framed(page: Page, content: Markup) -> Markup {
    let current = |other| (page == other).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href=(ICON);
                (head(page))
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                nav.bar aria-label="Pages" {
                    a href={ (ROUTE) "/" } aria-current=[current(Page::Services)] { "Services" }
                    a href=(apis::path(None)) aria-current=[current(Page::Apis)] { "APIs" }
                }
                main #main { (content) }
                footer {
                    "For programs: "
                    a href={ (ROUTE) "/services" } { "the services as JSON" } ", "
                    a href={ (ROUTE) "/merged/openapi.json" } { "the OpenAPI document of all" } ", "
                    a href=(linkset::PATH) { "the api-catalog" } ". Made by "
                    (IDENTITY.metadata.name) " " (IDENTITY.metadata.version) "."
                }
            }
        }
    }
}

fn head(page: Page) -> Markup {
    match page {
        Page::Services => html! {
            title { "Services" }
            link rel="stylesheet" href=(asset("page.css"));
            script src=(asset("page.js")) defer {}
        },
        Page::Apis => html! {
            title { "APIs" }
            link rel="stylesheet" href={ (ROUTE) "/docs/swagger-ui.css" };
            link rel="stylesheet" href=(asset("page.css"));
            script src={ (ROUTE) "/docs/swagger-ui-bundle.js" } defer {}
            script src=(asset("apis.js")) defer {}
        },
    }
}

/// The address of a file of a page. It has the version, so that no browser shows an old one.
fn asset(file: &str) -> String {
    format!("{ROUTE}/assets/{file}?v={}", IDENTITY.metadata.version)
}
