//! The page: a form with the answers, and the service that they make. It is whole without scripts; with them, it follows what
//! one types.

use std::sync::Arc;

use apikit::Result;
use maud::{DOCTYPE, Markup, html};

use super::{
    IDENTITY, ROUTE,
    archive::Format,
    assets, command,
    desk::Desk,
    diff::{self, Change, Kind},
    form::{self, Form},
    origin::Origin,
    query::{self, Query, given, parameters},
    rendering::Rendering,
    rules::{Defaults, Fault},
    tree,
};
use crate::answers::Answers;

/// The parameter for the file that is shown.
pub const FILE: &str = "file";

/// The file that is shown at first: the one that its author edits.
const FIRST: &str = "src/service.rs";

/// The name of the service that is shown before there is a name.
const EXAMPLE: &str = "my-service";

/// The sun above a horizon.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath \
    fill='%230b6e6e' d='M1 10h14v5H1z'/%3E%3Cpath fill='%23e0a100' d='M3 8a5 5 0 0 1 10 0z'/%3E%3C/svg%3E";

/// What the answers make.
enum Outcome {
    /// They break rules.
    Faulty,
    /// A service, of which one file is shown.
    File(Arc<Rendering>),
    /// What other answers change in it.
    Diff(Vec<Change>),
}

/// The page for a query.
///
/// # Errors
/// 503 when too much is being done, and 500 when a hook or the rendering fails.
pub async fn page(desk: &Desk, query: &Query, origin: &Origin) -> Result<Markup> {
    let shown = match query.answers.name.as_str() {
        "" => Answers {
            name: EXAMPLE.to_owned(),
            ..query.answers.clone()
        },
        _ => query.answers.clone(),
    };
    let opinion = desk.opinion(&shown).await?;
    let outcome = outcome(desk, query, &shown, &opinion.faults).await?;
    let form = form::form(&Form {
        choices: &desk.choices,
        answers: &query.answers,
        defaults: &opinion.defaults,
        faults: &opinion.faults,
    });
    let above = html! {
        (deliveries(desk, query, origin))
        (comparisons(query, desk, &opinion.defaults))
    };
    let result = match &outcome {
        Outcome::Faulty => html! {
            p.empty { "Once the answers keep their rules, the files are here." }
        },
        Outcome::File(rendering) => {
            let file = query.own.get(FILE).map_or(FIRST, String::as_str);
            html! { (above) (tree::browser(rendering, query, file)) }
        }
        Outcome::Diff(changes) => html! { (above) (differences(changes)) },
    };
    Ok(framed(
        &form,
        &standing(query, &outcome, &opinion.faults),
        &result,
    ))
}

async fn outcome(desk: &Desk, query: &Query, shown: &Answers, faults: &[Fault]) -> Result<Outcome> {
    if !faults.is_empty() {
        return Ok(Outcome::Faulty);
    }
    let rendering = desk.render(shown).await?;
    if query.to.is_empty() {
        return Ok(Outcome::File(rendering));
    }
    let other = Query {
        answers: shown.clone(),
        ..query.clone()
    }
    .other();
    let other = desk.render(&other).await?;
    let changes = desk.work(move || diff::changes(&rendering, &other)).await?;
    Ok(Outcome::Diff(changes))
}

/// What the page shows, in a sentence that is read aloud when it changes.
fn standing(query: &Query, outcome: &Outcome, faults: &[Fault]) -> String {
    let name = query.answers.name.as_str();
    match outcome {
        Outcome::Faulty if faults.len() == 1 => "One answer breaks its rule.".to_owned(),
        Outcome::Faulty => format!("{} answers break their rules.", faults.len()),
        Outcome::Diff(changes) => {
            let to: Vec<_> = query
                .to
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            format!("{} changes {} files.", to.join(", "), changes.len())
        }
        Outcome::File(rendering) if name.is_empty() => {
            format!(
                "{} files, as those of a service named {EXAMPLE}.",
                rendering.files.len()
            )
        }
        Outcome::File(rendering) => format!("{name} has {} files.", rendering.files.len()),
    }
}

/// How to get the service: archives, and commands.
fn deliveries(desk: &Desk, query: &Query, origin: &Origin) -> Markup {
    let answers = &query.answers;
    if answers.name.is_empty() {
        return html! { p.hint { "Name the service to download it." } };
    }
    let address = |format: Format| {
        let query = query::written(given(answers));
        format!("{ROUTE}/{}{}{query}", answers.name, format.suffix())
    };
    let curl = command::download(&format!("{}{}", origin.0, address(Format::TarGz)));
    html! {
        p.downloads {
            @for format in Format::ALL {
                a.button href=(address(format)) download { "Download " (answers.name) (format.suffix()) }
            }
        }
        details.commands {
            summary { "The same in a terminal" }
            pre tabindex="0" role="region" aria-label="Commands" { code {
                (curl) "\n\n" (command::generate(&desk.repository, answers))
            } }
        }
    }
}

/// Links to what the other auth types would change, and the way back.
fn comparisons(query: &Query, desk: &Desk, defaults: &Defaults) -> Markup {
    let default = defaults.get("auth_type").map_or("", String::as_str);
    let present = query.answers.get("auth_type").unwrap_or(default);
    let kinds = desk.choices.get("auth_type").into_iter().flatten();
    let compared = query.to.iter().find(|(name, _)| *name == "auth_type");
    let compared = compared.map(|(_, value)| value.as_str());
    let current = |kind: Option<&str>| (compared == kind && query.to.len() < 2).then_some("page");
    let link = |more: Option<(&str, &str)>| {
        format!(
            "{ROUTE}/{}",
            query::written(parameters(&query.answers).chain(more))
        )
    };
    html! {
        nav.views aria-label="Views" {
            a href=(link(None)) aria-current=[current(None)] { "Files" }
            @for kind in kinds.filter(|kind| *kind != present) {
                a href=(link(Some(("to.auth_type", kind)))) aria-current=[current(Some(kind))] {
                    "What " b { (kind) } " would change"
                }
            }
        }
    }
}

fn differences(changes: &[Change]) -> Markup {
    html! {
        @if changes.is_empty() { p.empty { "Nothing changes." } }
        @for change in changes {
            section.change {
                h3 { (change.path) " " span.kind { (in_a_word(change.kind)) } }
                pre.diff tabindex="0" role="region" aria-label={ "Changes of " (change.path) } {
                    @for line in change.text.split_inclusive('\n') { (marked(line)) }
                }
            }
        }
    }
}

fn in_a_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Changed => "changed",
    }
}

/// A line of a diff, by what it does.
fn marked(line: &str) -> Markup {
    match line.as_bytes() {
        [b'+', ..] if !line.starts_with("+++ ") => html! { ins { (line) } },
        [b'-', ..] if !line.starts_with("--- ") => html! { del { (line) } },
        [b'@', ..] => html! { span.place { (line) } },
        _ => html! { (line) },
    }
}

fn framed(form: &Markup, standing: &str, result: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "A new service" }
                link rel="icon" href=(ICON);
                link rel="stylesheet" href=(assets::address("page.css"));
                script src=(assets::address("page.js")) defer {}
            }
            body {
                a.skip href="#result" { "Skip to the files" }
                header {
                    h1 { "A new service" }
                    p.lead {
                        "Four answers make a whole microservice: code, tests, documentation, an image and Kubernetes manifests."
                    }
                }
                main {
                    (form)
                    section aria-labelledby="standing" {
                        h2 { span #standing role="status" { (standing) } }
                        div #result { (result) }
                    }
                }
                footer {
                    "For programs: " a href={ (ROUTE) "/questions" } { "the questions as JSON Schema" } ", "
                    a href={ (ROUTE) "/docs" } { "the API" } ". Made by uservice-bootstrap "
                    (IDENTITY.metadata.version) "."
                }
            }
        }
    }
}
