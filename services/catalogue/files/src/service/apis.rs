//! The page with the API of each service, and of all in one: Swagger UI, as apikit has it.

use maud::{Markup, html};

use super::{
    catalogue::Services,
    frame::{Page, framed},
    view::document_path,
};
use crate::identity::ROUTE;

/// The path of the page with the API of a service, or with those of all.
pub fn path(service: Option<&str>) -> String {
    match service {
        Some(name) => format!("{ROUTE}/apis?service={name}"),
        None => format!("{ROUTE}/apis"),
    }
}

/// The page with the API of the `chosen` service; without one, with those of all.
pub fn page(services: &Services, chosen: Option<&str>) -> Markup {
    let document = match chosen {
        Some(name) => document_path(name),
        None => format!("{ROUTE}/merged/openapi.json"),
    };
    let documented = services
        .by_name
        .iter()
        .filter(|(_, known)| known.document.is_some());
    let main = html! {
        header.top.slim {
            h1 { "APIs" }
            form.search action=(path(None)) method="get" {
                label for="service" { "Service" }
                select #service name="service" {
                    option value="" selected[chosen.is_none()] { "All services" }
                    @for (name, _) in documented {
                        option value=(name) selected[chosen == Some(name)] { (name) }
                    }
                }
                button type="submit" { "Show" }
            }
        }
        section #api data-document=(document) aria-label="The API" {
            noscript {
                p { "To try requests out, this page needs JavaScript. What it shows is in "
                    a href=(document) { "an OpenAPI document" } "." }
            }
        }
        p.license {
            "Shown by Swagger UI, Copyright 2020-2021 SmartBear Software Inc., under the "
            a href={ (ROUTE) "/docs/LICENSE.txt" } { "Apache License 2.0" } "."
        }
    };
    framed(Page::Apis, main)
}
