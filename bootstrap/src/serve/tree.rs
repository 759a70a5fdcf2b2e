//! The files of a service: a tree of links, and the text of one of them.

use maud::{Markup, html};

use super::{
    ROUTE,
    page::FILE,
    query::{self, Query, parameters},
    rendering::Rendering,
};

/// The tree and the file at `shown`.
pub fn browser(rendering: &Rendering, query: &Query, shown: &str) -> Markup {
    let paths: Vec<_> = rendering.files.keys().map(String::as_str).collect();
    html! {
        div.browser {
            nav.tree aria-label="Files" { (level(&paths, "", query, shown)) }
            (file(rendering, shown))
        }
    }
}

/// What is directly in the folder with this path, which is empty or ends in a slash. `paths` are all within, in order.
fn level(paths: &[&str], folder: &str, query: &Query, shown: &str) -> Markup {
    let rest = |path: &str| path[folder.len()..].to_owned();
    let mut folders: Vec<String> = Vec::new();
    for path in paths {
        if let Some((name, _)) = rest(path).split_once('/')
            && folders.last().is_none_or(|last| last != name)
        {
            folders.push(name.to_owned());
        }
    }
    let files = paths.iter().filter(|path| !rest(path).contains('/'));
    html! {
        ul {
            @for name in &folders {
                @let inner = format!("{folder}{name}/");
                @let within: Vec<_> = paths.iter().copied().filter(|path| path.starts_with(&inner)).collect();
                li {
                    details data-path=(inner) open[shown.starts_with(&inner)] {
                        summary { (name) }
                        (level(&within, &inner, query, shown))
                    }
                }
            }
            @for path in files {
                @let address = query::written(parameters(&query.answers).chain([(FILE, *path)]));
                li {
                    a href={ (ROUTE) "/" (address) } aria-current=[(*path == shown).then_some("true")] { (rest(path)) }
                }
            }
        }
    }
}

fn file(rendering: &Rendering, path: &str) -> Markup {
    let text = rendering.files.get(path).map(|file| file.text());
    html! {
        div.file {
            h3 #path { (path) }
            @match text {
                Some(Some(text)) => pre tabindex="0" role="region" aria-labelledby="path" { code { (text) } },
                Some(None) => p.empty { "It is no text." },
                None => p.empty { "The service has no such file." },
            }
        }
    }
}
