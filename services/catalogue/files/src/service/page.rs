//! The page with all services, for people. It is whole without scripts; with them, it is searched as one types.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_seconds};
use maud::{Markup, html};

use super::{
    apis,
    catalogue::Services,
    conformance::Departure,
    frame::{Page, framed},
    known::{Known, Status},
    metadata::Metadata,
};
use crate::identity::ROUTE;

/// What a reader asks of the page.
#[derive(Default)]
pub struct Search {
    /// Words that a service must have, each of them.
    pub words: String,
    /// How it must stand, where that matters.
    pub status: Option<Status>,
}

impl Search {
    fn finds(&self, known: &Known) -> bool {
        let metadata = known.metadata.as_ref().map(|seen| &seen.value);
        let description = metadata.and_then(|said| said.description.as_deref());
        let name = metadata.map(|said| said.name.as_str());
        let route = known.route();
        let texts = [
            Some(known.entry.name.as_str()),
            name,
            description,
            Some(&route),
        ];
        let all = texts
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("\n")
            .to_lowercase();
        let words = self.words.to_lowercase();
        self.status.is_none_or(|status| known.status == status)
            && words.split_whitespace().all(|word| all.contains(word))
    }
}

/// The page with those services that the search finds, as of `now`, at the host that the reader has asked.
pub fn page(services: &Services, search: &Search, host: &str, now: SystemTime) -> Markup {
    let all = services.by_name.values();
    let found: Vec<_> = all.filter(|known| search.finds(known)).collect();
    let main = html! {
        header.top {
            p.host { (host) }
            h1 { "Services" }
            p.lead { "What stands behind this host, as each service says it of itself." }
            (counts(services, search))
        }
        (form(search))
        p #found role="status" { (found_in_words(found.len(), services.by_name.len())) }
        @if services.by_name.is_empty() {
            p.empty {
                "No services are known yet. The catalogue takes them from " code { "CATALOGUE_SERVICES" } ", from "
                code { "CATALOGUE_FILE" } " or from its cluster."
            }
        }
        ul #services.services {
            @for known in found { (card(known, now)) }
        }
    };
    framed(Page::Services, main)
}

/// How many services stand how; each count leads to those services.
fn counts(services: &Services, search: &Search) -> Markup {
    let link = |status: Option<Status>| match status {
        Some(status) => format!("{ROUTE}/?status={}", status.word()),
        None => format!("{ROUTE}/"),
    };
    let count = |status: Status| {
        let with = |known: &&Arc<Known>| known.status == status;
        services.by_name.values().filter(with).count()
    };
    let current = |status| (search.status == status).then_some("true");
    html! {
        nav.counts aria-label="Services by status" {
            a.count href=(link(None)) aria-current=[current(None)] {
                b { (services.by_name.len()) } " in all"
            }
            @for status in Status::ALL {
                a.count.(status.word()) href=(link(Some(status))) aria-current=[current(Some(status))] {
                    (mark(status)) b { (count(status)) } " " (in_words(status))
                }
            }
        }
    }
}

fn form(search: &Search) -> Markup {
    html! {
        form.search role="search" action={ (ROUTE) "/" } method="get" {
            label for="q" { "Search" }
            input #q type="search" name="q" value=(search.words) placeholder="name, path or description"
                autocomplete="off" spellcheck="false";
            @if let Some(status) = search.status { input type="hidden" name="status" value=(status.word()); }
            button type="submit" { "Search" }
        }
    }
}

/// How many services there are to see. The script has the same words.
fn found_in_words(found: usize, all: usize) -> String {
    match (found, all) {
        (found, all) if found == all => format!("{all} services"),
        (found, all) => format!("{found} of {all} services"),
    }
}

fn card(known: &Known, now: SystemTime) -> Markup {
    let said = known.metadata.as_ref().map(|seen| &seen.value);
    let name = &known.entry.name;
    html! {
        li.card {
            article aria-labelledby={ "s-" (name) } {
                div.head {
                    h2 id={ "s-" (name) } { a href=(apis::path(Some(name))) { (name) } }
                    @if let Some(version) = said.and_then(|said| said.version.as_ref()) {
                        span.version { bdi { (version) } }
                    }
                }
                (standing(known, now))
                p.description dir="auto" {
                    @match said.and_then(|said| said.description.as_ref()) {
                        Some(description) => (description),
                        None => span.none { "It does not say what it is for." },
                    }
                }
                @if !known.problems.is_empty() {
                    ul.problems { @for problem in &known.problems { li { (problem) } } }
                }
                dl {
                    div { dt { "Path" } dd { code { (known.route()) } } }
                    @if let Some(said) = said { (facts(said)) }
                }
                @if let Some(departures) = &known.departures { (contract(departures)) }
                (links(known, said))
            }
        }
    }
}

/// Whether a service keeps the contract of all services, and where it does not.
fn contract(departures: &[Departure]) -> Markup {
    html! {
        @if !departures.is_empty() {
            details.contract {
                summary { "Departs from the contract: " (departures.len()) }
                ul { @for departure in departures { li { code { (departure.rule) } " " (departure.seen) } } }
            }
        }
    }
}

/// How a service stands, since when, and how old is what is shown of it.
fn standing(known: &Known, now: SystemTime) -> Markup {
    let status = known.status;
    let stale = known
        .metadata
        .as_ref()
        .filter(|seen| known.checked.is_some_and(|checked| checked > seen.at));
    html! {
        p.standing.(status.word()) {
            (mark(status)) b { (in_words(status)) } " "
            span { "for " (ago(known.since, now)) }
            @if let Some(seen) = stale { span { " · as seen " (ago(seen.at, now)) " ago" } }
        }
    }
}

fn facts(said: &Metadata) -> Markup {
    html! {
        @if let Some(auth) = &said.auth {
            div { dt { "Auth" } dd { bdi { (auth) } } }
        }
        @if let Some(version) = &said.api_version {
            div { dt { "API" } dd { bdi { (version) } } }
        }
    }
}

fn links(known: &Known, said: Option<&Metadata>) -> Markup {
    let name = &known.entry.name;
    let of = |what: &str| format!("{what} of {name}");
    html! {
        p.links {
            @if known.document.is_some() {
                a href=(apis::path(Some(name))) aria-label=(of("API")) { "API" }
            }
            @if let Some(url) = said.and_then(|said| said.documentation.as_ref()) {
                a href=(url) rel="noreferrer" aria-label=(of("Documentation")) { "Documentation" }
            }
            @if let Some(url) = said.and_then(|said| said.repository.as_ref()) {
                a href=(url) rel="noreferrer" aria-label=(of("Repository")) { "Repository" }
            }
        }
    }
}

/// A mark with a form of its own for each status, for those who see no colours.
fn mark(status: Status) -> Markup {
    let form = match status {
        Status::Pass => "M3 8.5l3.5 3.5L13 4.5",
        Status::Warn => "M8 3v6M8 12v1",
        Status::Fail => "M4 4l8 8M12 4l-8 8",
    };
    html! {
        svg.mark viewBox="0 0 16 16" aria-hidden="true" { path d=(form) {} }
    }
}

fn in_words(status: Status) -> &'static str {
    match status {
        Status::Pass => "up",
        Status::Warn => "degraded",
        Status::Fail => "down",
    }
}

/// A time span in its largest unit, as an element with the moment itself.
fn ago(at: SystemTime, now: SystemTime) -> Markup {
    let passed = now.duration_since(at).unwrap_or_default();
    let text = format_duration(Duration::from_secs(passed.as_secs())).to_string();
    let largest = text.split(' ').next().unwrap_or_default();
    html! { time datetime=(format_rfc3339_seconds(at)) { (largest) } }
}
