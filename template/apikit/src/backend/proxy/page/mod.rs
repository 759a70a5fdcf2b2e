//! An HTML page as a login needs it: its forms, and where it leads.
//!
//! - `dom`: the tree, with the form that each control belongs to;
//! - `form` and `control`: the data that a browser would send of a form, and `submission`: its encoding as a request;
//! - `value` and `moment`: what controls hold before anybody touches them;
//! - `encoding`: the encoding of a page and of its forms' data;
//! - `location`: where a page is, and where the addresses on it lead;
//! - `refresh`: where a page leads by itself.

mod control;
mod dom;
mod encoding;
mod form;
mod location;
mod moment;
#[cfg(test)]
mod random_page;
mod refresh;
mod submission;
mod value;

use std::collections::HashSet;

use axum::http::{HeaderMap, StatusCode, header::REFRESH};
use reqwest::Url;

use dom::{Dom, Id};
pub(super) use form::{Entry, Form, Method, Submission};
use location::Location;

/// How much of a page's title is kept, in characters.
const MAX_TITLE: usize = 100;

/// Beginnings of words by which providers refuse a password, in a few languages.
const REFUSALS: [&str; 14] = [
    "incorrect",
    "invalid",
    "wrong",
    "fail",
    "error",
    "denied",
    "match",
    "unknown",
    "mistake",
    "falsch",
    "ungültig",
    "fehler",
    "erron",
    "inválid",
];

/// Elements whose text is not shown.
const UNSEEN: [&str; 4] = ["script", "style", "template", "noscript"];

/// The parts of a page that a login needs; the document is dropped.
pub(super) struct Page {
    /// Its title, blanks folded.
    pub title: String,
    /// Its visible text in lower case, blanks folded.
    pub text: String,
    /// Its forms, in order.
    pub forms: Vec<Form>,
    /// Where it leads by itself.
    pub refresh: Option<Url>,
    /// Where its links lead.
    pub links: Vec<Url>,
    /// Whether something on it is marked as an error.
    pub has_error: bool,
}

impl Page {
    /// Reads the body of an answer from `url` with these headers.
    pub fn read(body: &[u8], headers: &HeaderMap, url: &Url) -> Self {
        let (html, encoding) = encoding::decoded(body, headers);
        let dom = Dom::parse(&html);
        let location = Location::of(&dom, url, encoding);
        let base = &location.base;
        let forms = dom.elements().filter(|id| dom.is(*id, "form"));
        let links = dom.elements().filter(|id| dom.is(*id, "a"));
        let refresh = headers
            .get(REFRESH)
            .and_then(|value| str::from_utf8(value.as_bytes()).ok());
        Self {
            title: dom.first("title").map_or_else(String::new, |title| {
                folded(&dom.text(title, &[]))
                    .chars()
                    .take(MAX_TITLE)
                    .collect()
            }),
            text: dom.first("body").map_or_else(String::new, |body| {
                folded(&dom.text(body, &UNSEEN)).to_lowercase()
            }),
            refresh: refresh
                .and_then(|content| refresh::target(content, url))
                .or_else(|| refreshed(&dom, base)),
            links: links
                .filter_map(|link| base.join(dom.attribute(link, "href")?).ok())
                .collect(),
            has_error: dom.elements().any(|id| is_error(&dom, id)),
            forms: forms
                .map(|form| Form::read(&dom, form, &location))
                .collect(),
        }
    }

    /// The form that asks for a password; if several do, one that people see and that posts to the page's own origin.
    pub fn login_form(&self, url: &Url) -> Option<&Form> {
        let asking = self.forms.iter().filter(|form| form.has_password());
        let is_own = |form: &Form| {
            let submission = form.submitted();
            submission.is_some_and(|submission| {
                submission.method == Method::Post && submission.action.origin() == url.origin()
            })
        };
        asking.min_by_key(|form| (!form.shows_password(), !is_own(form)))
    }

    /// Whether the page says that a password was wrong that was sent from a page with the text `before`: by its status, by
    /// an element that is marked as an error, or by a word that was not there before.
    pub fn refuses_password(&self, before: &str, status: StatusCode) -> bool {
        let by_status = [StatusCode::UNAUTHORIZED, StatusCode::UNPROCESSABLE_ENTITY];
        let known: HashSet<_> = before.split_whitespace().collect();
        let mut new = self
            .text
            .split_whitespace()
            .filter(|word| !known.contains(word));
        by_status.contains(&status)
            || self.has_error
            || new.any(|word| REFUSALS.iter().any(|refusal| word.contains(refusal)))
    }

    /// Whether a form asks for a code from a second device.
    pub fn asks_for_code(&self) -> bool {
        self.forms.iter().any(Form::asks_for_code)
    }

    /// Whether a form asks to allow an application: GitHub's, Dex's, or one that says so in its address.
    pub fn asks_for_consent(&self) -> bool {
        self.forms.iter().any(|form| {
            let words = ["/authorize", "/approval", "/consent", "/grant"];
            let says = |target: &Url| words.iter().any(|word| target.path().ends_with(word));
            let fields = ["authorize", "approval", "consent", "accept"];
            let asks = fields.iter().any(|name| form.has_field(name));
            form.has_button() && !form.has_password() && (asks || form.targets().any(says))
        })
    }
}

/// Where a `meta` with a refresh leads.
fn refreshed(dom: &Dom, base: &Url) -> Option<Url> {
    let mut contents = dom.elements().filter_map(|id| {
        let is_refresh = dom.is(id, "meta")
            && dom
                .attribute(id, "http-equiv")
                .is_some_and(|name| name.eq_ignore_ascii_case("refresh"));
        is_refresh.then(|| dom.attribute(id, "content"))?
    });
    contents.find_map(|content| refresh::target(content, base))
}

/// Whether an element has text and is marked as an error, by `role`, ARIA or a class of the usual frameworks.
fn is_error(dom: &Dom, id: Id) -> bool {
    let is = |name, wanted: &str| {
        let value = dom.attribute(id, name);
        value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    if is("aria-invalid", "true") {
        return true;
    }
    let classes = dom.attribute(id, "class").unwrap_or_default();
    let classes = classes.to_ascii_lowercase();
    let marked = classes
        .split_ascii_whitespace()
        .any(|class| class.contains("error") || class.contains("danger"));
    (marked || is("role", "alert")) && !folded(&dom.text(id, &UNSEEN)).is_empty()
}

/// Whether a character is HTML's white space.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use axum::http::header::CONTENT_TYPE;

    use super::{
        super::super::Credentials,
        random_page::{NEVER_SENT, RandomPage},
        *,
    };

    fn ada() -> Credentials {
        Credentials {
            username: "ada".to_owned(),
            password: "a word".into(),
        }
    }

    fn url() -> Url {
        "https://hub.example/login".parse().expect("it is a URL")
    }

    fn utf_8() -> HeaderMap {
        of_type("text/html; charset=utf-8")
    }

    fn of_type(content_type: &str) -> HeaderMap {
        let content_type = content_type.parse().expect("it is a header");
        HeaderMap::from_iter([(CONTENT_TYPE, content_type)])
    }

    /// Text as the value of an attribute.
    fn quoted(text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('"', "&quot;");
        format!("\"{text}\"")
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_token_is_sent_back_as_it_came(name in "[a-z]{1,9}", token in " ?\\PC{0,80} ?", text in "[^<&]{0,80}") {
            let page = format!(
                "<title>{text}</title><form method=post action=/session>{text}\
                 <input type=hidden name=t-{name} value={}><input name=u><input name=p type=password></form>",
                quoted(&token)
            );
            let page = Page::read(page.as_bytes(), &utf_8(), &url());
            let form = page.login_form(&url()).expect("it has a password");
            let sent = form.filled(&ada()).expect("it has a user name");
            prop_assert_eq!(sent.action.as_str(), "https://hub.example/session");
            let expected = [Entry::new(format!("t-{name}"), token), Entry::new("u", "ada"), Entry::new("p", "a word")];
            prop_assert_eq!(sent.entries, expected);
        }

        #[test]
        fn of_any_login_page_the_password_is_sent_in_its_field_and_nothing_that_is_disabled(seed in any::<u64>()) {
            let RandomPage { content_type, body } = RandomPage::new(seed);
            let page = Page::read(&body, &of_type(&content_type), &url());
            for form in &page.forms {
                let sent = form.filled(&ada()).map_or_else(Vec::new, |sent| sent.entries);
                for Entry { name, value } in &sent {
                    prop_assert!(!name.starts_with(NEVER_SENT), "{:?}", sent);
                    prop_assert_eq!(name == "password", value.as_deref() == Some("a word"), "{:?}", sent);
                }
            }
        }

        #[test]
        fn any_page_is_read_and_no_password_goes_into_another_field(
            parts in prop::collection::vec(
                prop_oneof![
                    any::<String>(),
                    Just("<form method=post action='//other.example/x'>".to_owned()),
                    Just("</form>".to_owned()),
                    Just("<base href='\\\\x:y'><meta http-equiv=refresh content='0;url=http://['>".to_owned()),
                    Just("<select name=s><option>a</select><textarea name=t>b</textarea>".to_owned()),
                    "<(input|button)( (type|name|value|checked)=(text|email|password|submit|hidden)){0,3}>",
                ],
                0..20,
            ),
        ) {
            let page = Page::read(parts.concat().as_bytes(), &utf_8(), &url());
            prop_assert!(page.title.chars().count() <= MAX_TITLE);
            for form in &page.forms {
                let sent = form.filled(&ada()).map_or_else(Vec::new, |sent| sent.entries);
                let with_password = sent.iter().filter(|entry| entry.value.as_deref() == Some("a word")).count();
                prop_assert!(with_password <= usize::from(form.has_password()));
            }
        }
    }
}
