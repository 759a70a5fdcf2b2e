//! House: what a login needs to know of an HTML page: its forms, and where it leads.

use reqwest::Url;
use scraper::{ElementRef, Html, Selector};
use secrecy::ExposeSecret;

use super::super::Credentials;

/// How much of a page's title is kept, in characters.
const MAX_TITLE: usize = 100;

/// A page, read once; nothing of the document is kept but this.
pub(super) struct Page {
    /// Its title, blanks folded.
    pub title: String,
    /// Its visible text in lower case, blanks folded.
    pub text: String,
    /// Its forms, in order.
    pub forms: Vec<Form>,
    /// Where a meta refresh leads.
    pub refresh: Option<Url>,
    /// Where its links lead.
    pub links: Vec<Url>,
}

/// A form that could be sent.
pub(super) struct Form {
    /// Where it is sent.
    pub action: Url,
    /// Whether it is sent with `POST`.
    pub posts: bool,
    /// Whether it is sent as `multipart/form-data`.
    pub multipart: bool,
    fields: Vec<Field>,
}

struct Field {
    kind: String,
    name: String,
    value: String,
    autocomplete: String,
    sent: bool,
}

impl Page {
    /// Reads `html`, which came from `url`.
    pub fn parse(html: &str, url: &Url) -> Self {
        let document = Html::parse_document(html);
        let base = first(&document, "base[href]")
            .and_then(|base| url.join(base.attr("href")?).ok())
            .unwrap_or_else(|| url.clone());
        let text = first(&document, "body").map(|body| folded(body.text()));
        Self {
            title: first(&document, "title").map_or_else(String::new, |title| {
                folded(title.text()).chars().take(MAX_TITLE).collect()
            }),
            text: text.unwrap_or_default().to_lowercase(),
            forms: all(&document, "form")
                .filter_map(|form| Form::read(form, &base, url))
                .collect(),
            refresh: first(&document, r#"meta[http-equiv="refresh" i]"#)
                .and_then(|meta| refreshed(meta.attr("content")?, &base)),
            links: all(&document, "a[href]")
                .filter_map(|link| base.join(link.attr("href")?).ok())
                .collect(),
        }
    }

    /// The form that asks for a password; if several do, one that posts to the page's own origin.
    pub fn login_form(&self, url: &Url) -> Option<&Form> {
        let asking = || self.forms.iter().filter(|form| form.has_password());
        let own = |form: &&Form| form.posts && form.action.origin() == url.origin();
        asking().find(own).or_else(|| asking().next())
    }

    /// Whether a form asks for a code from a second device.
    pub fn asks_for_code(&self) -> bool {
        let fields = self.forms.iter().flat_map(|form| &form.fields);
        let mut fields = fields.filter(|field| field.kind != "hidden");
        fields.any(|field| {
            field.autocomplete == "one-time-code"
                || ["app_otp", "app_totp", "sms_otp", "otp"].contains(&field.name.as_str())
        })
    }

    /// Whether a form asks to allow an application.
    pub fn asks_for_consent(&self) -> bool {
        self.forms.iter().any(|form| {
            form.action.path().ends_with("/authorize")
                && form.fields.iter().any(|field| field.name == "authorize")
        })
    }
}

impl Form {
    fn read(form: ElementRef<'_>, base: &Url, page: &Url) -> Option<Self> {
        let action = match form.attr("action").map(str::trim) {
            None | Some("") => page.clone(),
            Some(action) => base.join(action).ok()?,
        };
        let selector = selector("input, button, select, textarea");
        let is = |attribute, value| {
            let found = form.attr(attribute).unwrap_or_default();
            found.eq_ignore_ascii_case(value)
        };
        Some(Self {
            action,
            posts: is("method", "post"),
            multipart: is("enctype", "multipart/form-data"),
            fields: form.select(&selector).map(Field::read).collect(),
        })
    }

    fn has_password(&self) -> bool {
        self.fields.iter().any(|field| field.kind == "password")
    }

    /// What a browser would send for these credentials, as names and values in order: every named
    /// field with its value, the first submit button, and the user name in the text field just before
    /// the password. Decoys that people cannot see stay as empty as they are.
    ///
    /// `None` when there is no field for the user name.
    pub fn filled(&self, credentials: &Credentials) -> Option<Vec<(String, String)>> {
        let password = self
            .fields
            .iter()
            .position(|field| field.kind == "password")?;
        let is_user = |field: &Field| {
            ["text", "email"].contains(&field.kind.as_str())
                && !field.name.starts_with("required_field")
        };
        let user = self.fields[..password].iter().rposition(is_user)?;
        let submit = self.fields.iter().position(|field| field.kind == "submit");
        let value = |index: usize, field: &Field| match index {
            index if index == password => credentials.password.expose_secret().to_owned(),
            index if index == user => credentials.username.clone(),
            _ => field.value.clone(),
        };
        let fields = self.fields.iter().enumerate();
        let sent = fields.filter(|(index, field)| {
            let button = field.kind == "submit";
            !field.name.is_empty() && field.sent && (!button || Some(*index) == submit)
        });
        Some(
            sent.map(|(index, field)| (field.name.clone(), value(index, field)))
                .collect(),
        )
    }
}

impl Field {
    fn read(element: ElementRef<'_>) -> Self {
        let attribute = |name| element.attr(name).unwrap_or_default();
        let kind = match (element.value().name(), element.attr("type")) {
            ("input", kind) => kind.unwrap_or("text").to_ascii_lowercase(),
            ("button", kind) => kind.unwrap_or("submit").to_ascii_lowercase(),
            (other, _) => other.to_owned(),
        };
        let value = match kind.as_str() {
            "textarea" => element.text().collect(),
            "select" => chosen(element),
            "checkbox" | "radio" => element.attr("value").unwrap_or("on").to_owned(),
            _ => attribute("value").to_owned(),
        };
        let sent = match kind.as_str() {
            "button" | "reset" | "image" | "file" => false,
            _ if element.attr("disabled").is_some() => false,
            "checkbox" | "radio" => element.attr("checked").is_some(),
            _ => true,
        };
        Self {
            name: attribute("name").to_owned(),
            autocomplete: attribute("autocomplete").to_ascii_lowercase(),
            kind,
            value,
            sent,
        }
    }
}

/// The value of a `select`: the chosen option's, else the first one's.
fn chosen(select: ElementRef<'_>) -> String {
    let option = |query| select.select(&selector(query)).next();
    let value = |option: ElementRef<'_>| match option.attr("value") {
        Some(value) => value.to_owned(),
        None => folded(option.text()),
    };
    option("option[selected]")
        .or_else(|| option("option"))
        .map_or_else(String::new, value)
}

/// The target of `0; url='/next'`.
fn refreshed(content: &str, base: &Url) -> Option<Url> {
    let (_, rest) = content.split_once([';', ','])?;
    let rest = rest.trim();
    let (name, target) = rest.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("url") {
        return None;
    }
    base.join(target.trim().trim_matches(['\'', '"'])).ok()
}

fn first<'a>(document: &'a Html, query: &str) -> Option<ElementRef<'a>> {
    document.select(&selector(query)).next()
}

fn all<'a>(document: &'a Html, query: &str) -> impl Iterator<Item = ElementRef<'a>> {
    let found: Vec<_> = document.select(&selector(query)).collect();
    found.into_iter()
}

fn selector(query: &str) -> Selector {
    Selector::parse(query).expect("the query is a constant that parses")
}

fn folded<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = parts.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn ada() -> Credentials {
        Credentials {
            username: "ada".to_owned(),
            password: "a word".into(),
        }
    }

    fn url() -> Url {
        "https://hub.example/login".parse().expect("it is a URL")
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
            let page = Page::parse(&page, &url());
            let form = page.login_form(&url()).expect("it has a password");
            prop_assert_eq!(form.action.as_str(), "https://hub.example/session");
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let expected = [pair(&format!("t-{name}"), &token), pair("u", "ada"), pair("p", "a word")];
            prop_assert_eq!(form.filled(&ada()).expect("it has a user name"), expected);
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
            let page = Page::parse(&parts.concat(), &url());
            prop_assert!(page.title.chars().count() <= MAX_TITLE);
            for form in &page.forms {
                let sent = form.filled(&ada()).unwrap_or_default();
                let with_password = sent.iter().filter(|(_, value)| value == "a word").count();
                prop_assert!(with_password <= usize::from(form.has_password()));
            }
        }
    }
}
